"""Every setting of the relay, typed, with its unit, its default and the default's reason.

The models know nothing of the environment: `relay.settings.environment.load` reads that, reports what is wrong,
and is the way for anything a person set. Built by hand (tests, the demo), a `Settings` reads no
environment and no file, but rules between settings (`relay.settings.rules`) are not applied.
"""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from relay.settings.types import (
    MIB,
    AccountName,
    AnswerTime,
    ApiUrl,
    BasePath,
    Bytes,
    Compression,
    Count,
    DrainTime,
    Entries,
    FilePath,
    Flag,
    Hours,
    KeepMaskOrHash,
    KeepOrDrop,
    Linger,
    LogFormat,
    LogLevel,
    Name,
    Partitions,
    Port,
    Replicas,
    RequestTimeout,
    SaslMechanism,
    Secret,
    Secrets,
    SecurityProtocol,
    Servers,
    Store,
    Topic,
    Wants,
    WebhookIds,
    WholeSeconds,
    accounts_from_json,
)

DEFAULT_ACCOUNT: Final = "default"
"""The account of `RELAY_SOFY__TOKENS`, `__SECRETS` and `__WEBHOOK_IDS`."""


class Group(BaseModel):
    """Settings that share a prefix. Frozen; an error never shows the value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(Group):
    """The way to the brokers. acks is all and no setting; certificate and host name are always verified."""

    bootstrap_servers: Servers = Field(
        description="Brokers to ask first, host:port, separated by commas. No default: a guess would hide a mistake."
    )
    security_protocol: SecurityProtocol = Field(
        "PLAINTEXT", description="Encryption and login. PLAINTEXT: what a broker out of the box speaks."
    )
    sasl_mechanism: SaslMechanism = Field(
        "SCRAM-SHA-512", description="Login with SASL_*. SCRAM-SHA-512: the broker never sees the password itself."
    )
    sasl_username: Name | None = Field(None, description="User for SASL_*. None: needed with SASL only.")
    sasl_password: Secret | None = Field(None, description="Password for SASL_*. None: needed with SASL only.")
    ssl_cafile: FilePath | None = Field(
        None, description="PEM file of the authorities to trust with *SSL. None: the system's."
    )
    ssl_certfile: FilePath | None = Field(
        None, description="PEM file of our certificate with *SSL. None: no mutual TLS."
    )
    ssl_keyfile: FilePath | None = Field(
        None, description="PEM file of our certificate's key; may be the certificate's file. None: no mutual TLS."
    )
    client_id: Name = Field("sofy-relay", description="Our name in the brokers' logs and quotas. The product's name.")
    compression: Compression = Field(
        "none", description="Codec of the record batches. none: events are small and CPU is what is scarce."
    )
    linger_ms: Linger = Field(
        0, description="Milliseconds to wait for a fuller batch. 0: one request in flight a broker batches by itself."
    )
    request_timeout_ms: RequestTimeout = Field(
        1500, description="Milliseconds until a produce request fails. 1500: twice within the answer's time."
    )


class TopicSettings(Group):
    """What `relay topics apply` makes and `relay check` expects."""

    status: Topic = Field("sofy.sms.status.v1", description="Status events. The version is the contract's.")
    other: Topic = Field("sofy.webhook.other.v1", description="Webhooks of other types, passed on whole.")
    dead_letter: Topic = Field("sofy.webhook.dead-letter.v1", description="Authentic but unreadable deliveries.")
    latest: Topic = Field("sofy.sms.latest.v1", description="Latest state of each SMS (`relay project`).")
    partitions: Partitions = Field(
        12, description="Partitions of each. 12: divisible by 2, 3, 4 and 6 consumers; raising it breaks key order."
    )
    replication_factor: Replicas = Field(
        3, description="Replicas of each. 3: one broker may be serviced while another fails."
    )
    min_insync_replicas: Replicas = Field(
        2, description="Replicas that hold a record before it is acknowledged. 2: no single disk holds a promise."
    )
    max_message_bytes: Bytes = Field(
        ByteSize(2 * MIB), description="Bytes of the largest record. 2 MiB: any accepted body fits a dead letter."
    )
    status_retention_h: Hours = Field(168, description="Hours that status events stay. 7 days: a week to catch up.")
    other_retention_h: Hours = Field(168, description="Hours that other webhooks stay. 7 days, as status events.")
    dead_letter_retention_h: Hours = Field(
        720, description="Hours that dead letters stay. 30 days: a release to read them may take some weeks."
    )
    latest_retention_h: Hours = Field(
        720, description="Hours after its last event that an SMS's latest state is erased. 30 days: nobody asks later."
    )


class Account(Group):
    """One Sofy account: its name (part of `event_id`: never rename) and how its webhooks prove themselves."""

    name: AccountName
    tokens: Secrets = ()
    secrets: Secrets = ()
    webhook_ids: WebhookIds = ()


class SofySettings(Group):
    """Who is believed, and Sofy's API for the operator's commands."""

    tokens: Secrets = Field((), description="Path or Basic tokens of account default; two at once for a rotation.")
    secrets: Secrets = Field((), description="Signature keys of account default; two at once for a rotation.")
    webhook_ids: WebhookIds = Field((), description="Registrations that account default accepts. Empty: all.")
    accounts: Annotated[
        tuple[Account, ...],
        BeforeValidator(accounts_from_json),
        Wants('a JSON object such as {"paris":{"tokens":["…"],"secrets":["…"],"webhook_ids":["…"]}}'),
    ] = Field((), description="Further accounts: a JSON object of name to tokens, secrets and webhook_ids.")
    allow_unauthenticated: Flag = Field(
        default=False, description="Serve without any token or secret. false: anybody could invent statuses."
    )
    require_signature: Flag = Field(
        default=True, description="An account with secrets takes signed webhooks only. false: while migrating to v2."
    )
    signature_max_age_s: WholeSeconds = Field(
        604800, description="Seconds. 7 days: whether Sofy signs a replay anew is not known; an old one is harmless."
    )
    api_url: ApiUrl = Field("https://api.sofy.fr", description="Sofy's API, for `webhooks` and `reconcile`. Its own.")
    api_key_id: Secret | None = Field(None, description="API key pair (v1). None: `webhooks` and `reconcile` only.")
    api_key_secret: Secret | None = Field(None, description="API key pair (v1). None: as the key id.")
    api_token: Secret | None = Field(None, description="API bearer token (v2). None: as the key id.")

    def every_account(self) -> tuple[Account, ...]:
        """Give all accounts, `default` first; `default` alone, without credentials, when nothing is set."""
        own = Account(name=DEFAULT_ACCOUNT, tokens=self.tokens, secrets=self.secrets, webhook_ids=self.webhook_ids)
        if self.accounts and not (own.tokens or own.secrets or own.webhook_ids):
            return self.accounts
        return (own, *self.accounts)


class HttpSettings(Group):
    """The public port."""

    host: Name = Field("0.0.0.0", description="Address to listen on. All: a pod has one.")  # noqa: S104 - a pod's port
    port: Port = Field(8080, description="Public port. 8080: needs no privilege.")
    base_path: BasePath = Field("", description="Prefix of the webhook paths. None: an ingress rarely needs one.")
    max_body_bytes: Bytes = Field(ByteSize(MIB), description="Bytes of the largest body. 1 MiB: thousands of SMS.")
    max_in_flight: Count = Field(
        1000, description="Records waiting for acknowledgement before 503. 1000: a healthy broker's second or less."
    )
    answer_within_s: AnswerTime = Field(
        3.0, description="Seconds from first byte to answer. 3: Sofy gives up after 4, the network takes some."
    )
    keep_alive_s: WholeSeconds = Field(
        75, description="Seconds an idle connection stays. 75: longer than ingresses pool."
    )
    drain_s: DrainTime = Field(10, description="Seconds for requests in flight at a stop. 10: three answers' time.")


class AdminSettings(Group):
    """The admin port; never exposed publicly."""

    host: Name = Field("0.0.0.0", description="Address to listen on. All: kubelet and Prometheus come from outside.")  # noqa: S104 - a pod's port
    port: Port = Field(8081, description="Metrics and probes. 8081: beside the public one.")
    console: Flag = Field(default=False, description="The operator's page on /. false: shown only where asked for.")


class DuplicateSettings(Group):
    """The window of ids that are known to be durable."""

    store: Store = Field(
        "memory", description="memory, or redis://… for all replicas. memory: nothing to operate; each replica its own."
    )
    window_s: WholeSeconds = Field(86400, description="Seconds an id is remembered. A day: longer than most replays.")
    max_entries: Entries = Field(
        1_000_000, description="Ids in a replica's memory, oldest out. A million: fits 250 MiB."
    )


class ProjectorSettings(Group):
    """What `relay project` is in its group."""

    group_id: Name = Field("sofy-relay-projector", description="Consumer group. The product's and the task's name.")
    stuck_after_h: Hours = Field(
        72, description="Hours without a final status after which an SMS counts as stuck. 3 days: validity periods end."
    )


class PrivacySettings(Group):
    """What personal data reaches the topics."""

    body: KeepOrDrop = Field("keep", description="Texts of the SMS: keep or drop. keep: nothing lost unasked.")
    numbers: KeepMaskOrHash = Field("keep", description="Phone numbers: keep, mask or hash. keep: as body.")
    key: Secret | None = Field(None, description="Key of the hash. None: needed with hash only.")
    dead_letter_payload: KeepOrDrop = Field("keep", description="Bytes of dead letters. keep: they can be replayed.")


class LogSettings(Group):
    """What is written to stderr."""

    level: LogLevel = Field("info", description="Lowest level written. info: a line for what changes, none a request.")
    format: LogFormat | None = Field(None, description="json or console. Unset: console on a terminal, else json.")


class TracingSettings(Group):
    """Spans, by OpenTelemetry. All else about them is set by OpenTelemetry's own OTEL_ variables."""

    enabled: Flag = Field(
        default=False, description="Trace webhooks; needs the extra otel. false: it costs CPU and needs a collector."
    )


class Settings(BaseSettings):
    """All settings. Frozen; secrets are `SecretStr` and show as stars."""

    model_config = SettingsConfigDict(
        env_prefix="RELAY_", env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka: KafkaSettings
    topics: TopicSettings = TopicSettings()
    sofy: SofySettings = SofySettings()
    http: HttpSettings = HttpSettings()
    admin: AdminSettings = AdminSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    projector: ProjectorSettings = ProjectorSettings()
    privacy: PrivacySettings = PrivacySettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing by itself: pydantic-settings stops at the first bad value and shows it."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)
