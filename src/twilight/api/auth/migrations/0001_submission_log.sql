-- Orders that were submitted under an idempotency key (API specification 5.5, decisions E5).
-- A row without `sent_at` was reserved, but Kafka has not acknowledged its command yet.

CREATE TABLE auth.submission_log (
    request_id      text        PRIMARY KEY,
    account_id      text        NOT NULL,
    idempotency_key text        NOT NULL,
    method          text        NOT NULL,
    payload_sha256  bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz,
    UNIQUE (account_id, idempotency_key)
);
CREATE INDEX submission_log_created ON auth.submission_log (created_at);
