"""Reading the environment: what is taken, what is refused, and in which words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.settings.environment import KNOWN, Loaded, SettingsError, effective, load

BROKER = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}
PLANTED = "pl4nted-s3cret-value"


def problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(BROKER | variables)
    return caught.value.problems


def test_a_broker_is_all_that_must_be_set() -> None:
    loaded = load(BROKER)

    assert loaded.settings.kafka.bootstrap_servers == ("localhost:9092",)
    assert loaded.warnings == ()
    assert loaded.given == {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "RELAY_KAFKA__BOOTSTRAP_SERVERS"}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RELAY_KAFKA__BOOTSTRAP_SERVERS", "", " is empty; give host:port of one or more brokers"),
        ("RELAY_KAFKA__BOOTSTRAP_SERVERS", " , ", " is empty; give host:port"),
        ("RELAY_KAFKA__BOOTSTRAP_SERVERS", "kafka", ", item 1, is not of the right form; give host:port"),
        ("RELAY_KAFKA__BOOTSTRAP_SERVERS", "a:1,kafka://b:2", ", item 2, is not of the right form"),
        ("RELAY_KAFKA__BOOTSTRAP_SERVERS", "a:99999", ", item 1, has a port that is not from 1 to 65535"),
        ("RELAY_KAFKA__SECURITY_PROTOCOL", "TLS", " is none of the words it can be; give PLAINTEXT, SSL, "),
        ("RELAY_KAFKA__SASL_MECHANISM", "GSSAPI", " is none of the words it can be; give PLAIN, SCRAM-SHA-256 or"),
        ("RELAY_KAFKA__COMPRESSION", "snappy", " is none of the words it can be; give none, gzip, lz4 or zstd."),
        ("RELAY_KAFKA__LINGER_MS", "-1", " is too small; give a whole number of milliseconds from 0 to 1000."),
        ("RELAY_KAFKA__REQUEST_TIMEOUT_MS", "1.5s", " is not a whole number; give a whole number of milliseconds"),
        ("RELAY_TOPICS__STATUS", "a/b", " is not of the right form; give a topic name"),
        ("RELAY_TOPICS__STATUS", "..", " is not of the right form; give a topic name"),
        ("RELAY_TOPICS__STATUS", "a" * 250, " is too long; give a topic name: at most 249 letters"),
        ("RELAY_TOPICS__PARTITIONS", "0", " is too small; give a whole number from 1 to 10000."),
        ("RELAY_TOPICS__MAX_MESSAGE_BYTES", "lots", " is not a size in bytes; give a size of at least 1 KiB"),
        ("RELAY_TOPICS__STATUS_RETENTION_H", "0", " is too small; give a whole number of hours, at least 1."),
        ("RELAY_SOFY__TOKENS", "abc", ' is not JSON; give a JSON list of texts, such as ["first","second"].'),
        ("RELAY_SOFY__TOKENS", '"abc"', " is not a list; give a JSON list of texts"),
        ("RELAY_SOFY__TOKENS", "{}", " is not a list; give a JSON list of texts"),
        ("RELAY_SOFY__TOKENS", '["a", 3]', ", item 2, is not a text; give a JSON list of texts"),
        ("RELAY_SOFY__TOKENS", '["a", " "]', ", item 2, is blank; give a JSON list of texts"),
        ("RELAY_SOFY__TOKENS", r'["\ud800"]', ", item 1, is not valid text; give a JSON list of texts"),
        ("RELAY_SOFY__TOKENS", "[" * 100_000, " is not JSON; give a JSON list of texts"),
        ("RELAY_SOFY__WEBHOOK_IDS", '[""]', ", item 1, is empty; give a JSON list of texts"),
        ("RELAY_SOFY__ACCOUNTS", "[]", " is not a JSON object; give a JSON object such as"),
        ("RELAY_SOFY__ACCOUNTS", '{"a":["x"]}', ", account 1, is not an object; give a JSON object such as"),
        ("RELAY_SOFY__ACCOUNTS", '{"a":{"tokens":["x"],"secret":[]}}', ", account 1, has an unknown member; give"),
        ("RELAY_SOFY__ACCOUNTS", '{"a":{"tokens":["x"],"name":"b"}}', " has an unknown member; give"),
        ("RELAY_SOFY__ACCOUNTS", '{"A b":{"tokens":["x"]}}', ", account 1, its name, is not of the right form; give a"),
        ("RELAY_SOFY__ACCOUNTS", '{"a":{"tokens":["x",""]}}', ", account 1, its tokens, item 2, is blank; give a JSON"),
        ("RELAY_SOFY__ACCOUNTS", '{"a":{"tokens":["x"]},"a":{"tokens":["y"]}}', " gives a name twice; give"),
        ("RELAY_SOFY__ALLOW_UNAUTHENTICATED", "perhaps", " is neither true nor false; give true or false."),
        ("RELAY_SOFY__API_URL", "api.sofy.fr", " is not of the right form; give an address such as"),
        ("RELAY_HTTP__PORT", "http", " is not a whole number; give a port from 1 to 65535, or 0 for any free one."),
        ("RELAY_HTTP__PORT", "65536", " is too large; give a port from 1 to 65535, or 0 for any free one."),
        ("RELAY_HTTP__PORT", "", " is empty; give a port from 1 to 65535, or 0 for any free one, or leave it unset."),
        ("RELAY_HTTP__PORT", "9" * 5000, " is not a whole number; give a port"),
        ("RELAY_HTTP__BASE_PATH", "/a b", " is not of the right form; give a path such as /hooks"),
        ("RELAY_HTTP__BASE_PATH", "/a/../b", " is not of the right form; give a path such as /hooks"),
        ("RELAY_HTTP__MAX_BODY_BYTES", "9" * 400, " is not a size in bytes; give a size"),
        ("RELAY_HTTP__ANSWER_WITHIN_S", "4", " is too large; give seconds from 0.1 to less than 4: Sofy waits 4."),
        ("RELAY_HTTP__ANSWER_WITHIN_S", "nan", " is not a number; give seconds from 0.1"),
        ("RELAY_HTTP__DRAIN_S", "60", " is too large; give seconds above 0, at most 10: the exit may take 20"),
        ("RELAY_DUPLICATES__STORE", "redis", " is not of the right form; give memory, or an address such as redis://"),
        ("RELAY_PRIVACY__BODY", "", " is empty; give keep or drop, or leave it unset."),
        ("RELAY_PRIVACY__NUMBERS", "blur", " is none of the words it can be; give keep, mask or hash."),
        ("RELAY_PRIVACY__KEY", "  ", " is blank; give a text that is not blank."),
        ("RELAY_LOG__LEVEL", "loud", " is none of the words it can be; give debug, info, warning, error or critical."),
    ],
)
def test_an_unusable_value_is_one_sentence_with_the_full_name_what_is_wrong_and_what_to_give(
    name: str, value: str, says: str
) -> None:
    found = problems(**{name: value})

    assert len(found) == 1
    assert found[0].startswith(f"{name}{says}")


def test_a_required_setting_that_is_absent_says_so() -> None:
    with pytest.raises(SettingsError) as caught:
        load({})

    assert caught.value.problems == (
        "RELAY_KAFKA__BOOTSTRAP_SERVERS is not set; give host:port of one or more brokers, separated by commas.",
    )


def test_everything_wrong_is_said_at_once_rules_between_settings_and_bad_json_included(tmp_path: Path) -> None:
    found = problems(
        RELAY_KAFKA__BOOTSTRAP_SERVERS="",
        RELAY_SOFY__TOKENS="[",
        RELAY_SOFY__ACCOUNTS="{",
        RELAY_SOFY__SECRETS_FILE=str(tmp_path / "absent"),
        RELAY_HTTP__PORT="x",
        RELAY_PRIVACY__NUMBERS="hash",
        RELAY_TOPICS__STATUS="same",
        RELAY_TOPICS__OTHER="same",
    )

    named = [sentence.split(maxsplit=1)[0].rstrip(",") for sentence in found]
    assert sorted(named) == [
        "RELAY_HTTP__PORT",
        "RELAY_KAFKA__BOOTSTRAP_SERVERS",
        "RELAY_PRIVACY__KEY",
        "RELAY_SOFY__ACCOUNTS",
        "RELAY_SOFY__SECRETS_FILE",
        "RELAY_SOFY__TOKENS",
        "RELAY_TOPICS__STATUS",
    ]


def test_a_rule_says_nothing_about_a_setting_that_is_already_wrong() -> None:
    found = problems(RELAY_PRIVACY__NUMBERS="hash", RELAY_PRIVACY__KEY="")

    assert found == ("RELAY_PRIVACY__KEY is empty; give a text that is not blank, or leave it unset.",)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RELAY_HTTP__BASE_PATH", "", ""),
        ("RELAY_HTTP__BASE_PATH", "/", ""),
        ("RELAY_HTTP__BASE_PATH", "hooks/", "/hooks"),
        ("RELAY_HTTP__BASE_PATH", "/a/b", "/a/b"),
        ("RELAY_HTTP__MAX_BODY_BYTES", "512KiB", 524288),
        ("RELAY_HTTP__ANSWER_WITHIN_S", "2.5", 2.5),
        ("RELAY_LOG__LEVEL", "INFO", "info"),
        ("RELAY_KAFKA__SECURITY_PROTOCOL", "plaintext", "PLAINTEXT"),
        ("RELAY_KAFKA__BOOTSTRAP_SERVERS", "a:1, [::1]:2,", ("a:1", "[::1]:2")),
        ("RELAY_SOFY__WEBHOOK_IDS", '["w1","w2"]', ("w1", "w2")),
        ("RELAY_SOFY__REQUIRE_SIGNATURE", "False", False),
    ],
)
def test_a_value_is_taken_in_its_normal_form(name: str, value: str, expected: object) -> None:
    settings = load(BROKER | {name: value}).settings

    place = KNOWN[name]
    assert getattr(getattr(settings, place.group), place.field) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b'["a"]\n', '["a"]'), (b'["a"]\r\n', '["a"]'), (b'["a"]\n\n', '["a"]\n'), (b'["a"]', '["a"]')],
)
def test_a_file_gives_what_its_variable_would_less_one_final_line_break(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(content)

    from_file = load(BROKER | {"RELAY_SOFY__TOKENS_FILE": str(file)})

    assert from_file.settings == load(BROKER | {"RELAY_SOFY__TOKENS": expected}).settings
    assert from_file.given["RELAY_SOFY__TOKENS"] == "RELAY_SOFY__TOKENS_FILE"


def test_only_one_final_line_break_is_taken_off(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pass\n\n")

    loaded = load(
        BROKER
        | {
            "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "RELAY_KAFKA__SASL_USERNAME": "relay",
            "RELAY_KAFKA__SASL_PASSWORD_FILE": str(file),
        }
    )

    password = loaded.settings.kafka.sasl_password
    assert password is not None
    assert password.get_secret_value() == "pass\n"


def test_any_setting_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000\n")

    assert load(BROKER | {"RELAY_HTTP__PORT_FILE": str(file)}).settings.http.port == 9000


def test_a_variable_and_its_file_together_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000\n")

    found = problems(RELAY_HTTP__PORT="9000", RELAY_HTTP__PORT_FILE=str(file))

    assert found == ("RELAY_HTTP__PORT and RELAY_HTTP__PORT_FILE are both set; keep one of them.",)


def test_a_file_that_cannot_be_read_is_one_sentence_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(2 * 1024 * 1024)

    found = {
        name: problems(RELAY_SOFY__TOKENS_FILE=path)
        for name, path in {
            "absent": str(tmp_path / "absent"),
            "directory": str(tmp_path),
            "latin": str(tmp_path / "latin"),
            "large": str(tmp_path / "large"),
            "nul": "a\0b",
        }.items()
    }

    start = "RELAY_SOFY__TOKENS_FILE names a "
    assert found == {
        "absent": (f"{start}file that does not exist; mount it there, or correct the path.",),
        "directory": (f"{start}directory; give the file in it.",),
        "latin": (f"{start}file that is not UTF-8 text; write it as such.",),
        "large": (f"{start}file that cannot be read or is larger than 1 MiB; correct the path.",),
        "nul": (f"{start}file that cannot be read or is larger than 1 MiB; correct the path.",),
    }


def test_a_wrong_value_from_a_file_says_where_it_was_read(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("x\n")

    found = problems(RELAY_HTTP__PORT_FILE=str(tmp_path / "port"))

    assert found == (
        (
            "RELAY_HTTP__PORT (read from RELAY_HTTP__PORT_FILE) is not a whole number; "
            "give a port from 1 to 65535, or 0 for any free one."
        ),
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RELAY_KAFKA__BOOTSTRAP_SERVER", "RELAY_KAFKA__BOOTSTRAP_SERVERS"),
        ("RELAY_HTTP_PORT", "RELAY_HTTP__PORT"),
        ("RELAY_http__port", "RELAY_HTTP__PORT"),
        ("RELAY_SOFY__TOKEN_FILE", "RELAY_SOFY__TOKENS_FILE"),
        ("RELAY_DUPLICATES__WINDOWS_S", "RELAY_DUPLICATES__WINDOW_S"),
    ],
)
def test_an_unknown_name_is_a_warning_with_the_nearest_known_one(name: str, nearest: str) -> None:
    loaded = load(BROKER | {name: "1"})

    assert loaded.warnings == (f"{name} is no setting of this version; the nearest known one is {nearest}.",)


def test_a_group_as_one_json_value_is_no_setting() -> None:
    loaded = load(BROKER | {"RELAY_HTTP": '{"port": 9000}'})

    assert loaded.settings.http.port == 8080
    assert loaded.warnings[0].startswith("RELAY_HTTP is no setting of this version")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RELAY_SERVICE_HOST", "10.0.0.1"),
        ("RELAY_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ("RELAY_SERVICE_PORT", "8080"),
        ("RELAY_SERVICE_PORT_HTTP", "8080"),
        ("RELAY_PORT", "tcp://10.0.0.1:8080"),
        ("RELAY_PORT", "udp://10.0.0.1:8080"),
        ("RELAY_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("RELAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("RELAY_PORT_8080_UDP_PROTO", "udp"),
        ("RELAY_TEST_KAFKA", "localhost:9092"),
        ("RELAY_REQUIRE_KAFKA", "1"),
        ("RELAYED", "x"),
        ("relay_http__port", "x"),
    ],
)
def test_a_name_of_kubernetes_or_of_the_test_suite_or_of_others_is_ignored(name: str, value: str) -> None:
    assert load(BROKER | {name: value}).warnings == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("RELAY_PORT", "8080"), ("RELAY_SERVICE_HOSTS", "x"), ("RELAY_PORT_X_TCP", "x"), ("RELAY_SERVICE_PORTS", "1")],
)
def test_a_name_that_only_resembles_those_of_kubernetes_is_unknown(name: str, value: str) -> None:
    assert len(load(BROKER | {name: value}).warnings) == 1


def test_an_unknown_name_cannot_steer_a_terminal_or_fill_a_log() -> None:
    (warning,) = load(BROKER | {"RELAY_\x1b[31m\n" + "A" * 5000: "x"}).warnings

    assert warning.isprintable()
    assert len(warning) < 250


def test_unknown_names_are_told_beside_the_problems_for_they_are_often_the_cause() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"RELAY_KAFKA__BOOTSTRAP_SERVER": "localhost:9092"})

    assert "RELAY_KAFKA__BOOTSTRAP_SERVERS" in caught.value.warnings[0]


def test_the_effective_settings_show_secrets_as_stars() -> None:
    loaded = load(
        BROKER
        | {
            "RELAY_SOFY__TOKENS": f'["{PLANTED}-token-1","{PLANTED}-token-2"]',
            "RELAY_SOFY__ACCOUNTS": f'{{"paris":{{"secrets":["{PLANTED}-secret"]}}}}',
            "RELAY_SOFY__API_KEY_ID": PLANTED,
            "RELAY_DUPLICATES__STORE": f"rediss://relay:{PLANTED}@redis.example/3",
            "RELAY_PRIVACY__KEY": PLANTED,
        }
    )

    shown = effective(loaded.settings)

    assert PLANTED not in repr(shown) + repr(loaded) + str(loaded.settings)
    assert shown["RELAY_SOFY__TOKENS"] == "******** (2)"
    assert shown["RELAY_SOFY__ACCOUNTS"] == "paris"
    assert shown["RELAY_PRIVACY__KEY"] == "********"
    assert shown["RELAY_DUPLICATES__STORE"] == "rediss://relay:********@redis.example:6379/3"
    assert list(shown) == list(KNOWN)


# What a person may have typed: any text, JSON of any shape, and each around a planted value.
_json_like = st.recursive(
    st.just(PLANTED) | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(PLANTED) | st.text(), inner, max_size=3),
    max_leaves=8,
)
_values = (
    st.text(st.characters(), max_size=30).map(lambda text: f"{PLANTED}{text}")
    | _json_like.map(repr).map(lambda text: text.replace("'", '"'))
    | st.sampled_from(["", "0", "1", "true", "[]", "{}", "nan", "1e400", f'["{PLANTED}"]', f'{{"{PLANTED}":[]}}'])
)
_names = (
    st.sampled_from([*KNOWN, *(f"{name}_FILE" for name in KNOWN)])
    | st.text(max_size=20).map(lambda text: f"RELAY_{text}")
    | st.text(max_size=10)
)


@given(st.dictionaries(_names, _values, max_size=8))
def test_whatever_the_environment_holds_it_loads_or_says_so_and_never_shows_a_value(environ: dict[str, str]) -> None:
    try:
        outcome: Loaded | SettingsError = load(environ)
    except SettingsError as error:
        outcome = error

    said = [*outcome.warnings, *(outcome.problems if isinstance(outcome, SettingsError) else ())]
    assert not any(PLANTED in sentence for sentence in said)
    assert all(sentence.startswith("RELAY_") and sentence.endswith(".") for sentence in said)
    assert not any("\n" in sentence for sentence in said)
