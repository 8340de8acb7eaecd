"""What must show nowhere: the values of secret settings, planted so that they are found wherever they are."""

from tests.end_to_end.relay_process import SECRET, TOKEN

PLANTED = {
    "RELAY_SOFY__API_KEY_ID": "planted-key-id-1618",
    "RELAY_SOFY__API_KEY_SECRET": "planted-key-secret-2718",
    "RELAY_SOFY__API_TOKEN": "planted-api-token-3141",
    "RELAY_PRIVACY__KEY": "planted-privacy-key-0123456789abcdef",
}
IN_AN_ADDRESS = "planted-password-5772"
NOBODYS_STORE = {"RELAY_DUPLICATES__STORE": f"redis://somebody:{IN_AN_ADDRESS}@127.0.0.1:9/0"}
"""A shared duplicate window where nobody listens."""
SECRETS = (TOKEN, SECRET, *PLANTED.values(), IN_AN_ADDRESS)
