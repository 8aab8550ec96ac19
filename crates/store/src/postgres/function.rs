//! The commit as one function of the database, made for the declared kinds.
//!
//! Its name carries a digest of its text: software of two versions finds its own, side by side. It runs under READ
//! COMMITTED, where each statement sees what was committed before it began; locks make that enough:
//!
//! - a put or deletion of a document that exists locks its row; a check locks it against change (`FOR SHARE`);
//! - a document that doesn't exist has no row to lock, so whoever inserts, deletes or checks its absence takes an advisory
//!   lock of its name, a statement before the one that must see the result;
//! - the head row of a journal stream, the key of a request and the key of an effect serialise those who want the same.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::fault::{CONFLICT, FENCED, REUSED};
use crate::chain::GENESIS;
use crate::schema::{ColumnType, Kind, Schema};

/// Hex digits of the digest in the name.
const DIGEST_DIGITS: usize = 16;
/// What the names of all versions begin with.
pub(super) const PREFIX: &str = "leeway_commit_";

/// Name and text of `CREATE FUNCTION`.
pub(super) struct CommitFunction {
    pub(super) name: String,
    pub(super) create: String,
}

impl CommitFunction {
    pub(super) fn of(schema: &Schema) -> Self {
        let body = body(schema);
        let digest = hex::encode(Sha256::digest(&body));
        let name = format!("{PREFIX}{}", digest.get(..DIGEST_DIGITS).unwrap_or(&digest));
        let create = format!(
            "CREATE OR REPLACE FUNCTION {name}(payload TEXT) RETURNS TEXT LANGUAGE plpgsql AS $leeway$\n{body}$leeway$"
        );
        Self { name, create }
    }
}

fn body(schema: &Schema) -> String {
    let mut checks = String::new();
    let mut writes = String::new();
    for kind in schema.kinds {
        check(&mut checks, kind);
        write_branch(&mut writes, kind);
    }
    let fill = |text: &str| {
        text.replace("{CONFLICT}", CONFLICT)
            .replace("{FENCED}", FENCED)
            .replace("{REUSED}", REUSED)
            .replace("{GENESIS}", GENESIS)
    };
    let mut body = fill(DECLARE);
    body.push_str(&fill(REQUEST));
    if !schema.kinds.is_empty() {
        body.push_str(&fill(CHECKS).replace("{BRANCHES}", &checks));
        body.push_str(&fill(WRITES).replace("{BRANCHES}", &writes));
    }
    body.push_str(&fill(REST));
    body
}

fn check(branches: &mut String, kind: &Kind) {
    let name = kind.name;
    // Writing to a String cannot fail.
    let _ = writeln!(
        branches,
        "        WHEN '{name}' THEN SELECT d.revision INTO hit FROM \"doc_{name}\" d WHERE d.id = doc_id FOR SHARE;"
    );
}

fn write_branch(branches: &mut String, kind: &Kind) {
    let name = kind.name;
    let mut columns = String::new();
    let mut values = String::new();
    let mut sets = String::new();
    for (at, column) in kind.columns.iter().enumerate() {
        let value = match column.ty {
            ColumnType::BigInt => format!("(item->'x'->>{at})::bigint"),
            ColumnType::Text => format!("item->'x'->>{at}"),
        };
        let _ = write!(columns, ", \"{}\"", column.name);
        let _ = write!(values, ", {value}");
        let _ = write!(sets, ", \"{}\" = {value}", column.name);
    }
    let _ = writeln!(
        branches,
        "        WHEN '{name}' THEN
            IF item->>'b' IS NULL THEN
                DELETE FROM \"doc_{name}\" d WHERE d.id = doc_id AND d.revision = expected RETURNING 0 INTO hit;
            ELSIF expected = 0 THEN
                INSERT INTO \"doc_{name}\" AS d (id, revision, body_version, body{columns})
                VALUES (doc_id, 1 + COALESCE((SELECT t.revision FROM tombstones t WHERE t.kind = '{name}'
                    AND t.id = doc_id), 0), (item->>'v')::integer, item->>'b'{values})
                ON CONFLICT (id) DO NOTHING RETURNING d.revision INTO hit;
            ELSE
                UPDATE \"doc_{name}\" d SET revision = d.revision + 1, body_version = (item->>'v')::integer,
                    body = item->>'b'{sets}
                WHERE d.id = doc_id AND d.revision = expected RETURNING d.revision INTO hit;
            END IF;
            IF hit IS NULL THEN
                SELECT d.revision INTO actual FROM \"doc_{name}\" d WHERE d.id = doc_id;
            END IF;"
    );
}

const DECLARE: &str = "DECLARE
    p         jsonb := payload::jsonb;
    moment    bigint := (p->>'now')::bigint;
    item      jsonb;
    doc_kind  text;
    doc_id    text;
    expected  bigint;
    hit       bigint;
    actual    bigint;
    revisions bigint[] := '{}';
    ids       bigint[] := '{}';
    known     requests%ROWTYPE;
    last_seq  bigint;
    last_hash text;
    next_hash text;
BEGIN
";

/// A replay ends here. The insert makes a twin wait until this transaction ended; what it finds then is a replay too.
const REQUEST: &str = "    item := p->'request';
    WHILE item IS NOT NULL LOOP
        INSERT INTO requests (principal, subject, request_id, method, payload_hash, response_ref, time)
        VALUES (item->>'p', item->>'s', item->>'i', item->>'m', item->>'h', item->>'r', moment)
        ON CONFLICT (principal, subject, request_id) DO NOTHING;
        EXIT WHEN FOUND;
        SELECT q.* INTO known FROM requests q WHERE q.principal = item->>'p' AND q.subject = item->>'s'
            AND q.request_id = item->>'i';
        -- Retention may have removed it in between.
        CONTINUE WHEN NOT FOUND;
        IF known.method = item->>'m' AND known.payload_hash = item->>'h' THEN
            RETURN jsonb_build_object('replayed', known.response_ref);
        END IF;
        RAISE EXCEPTION 'the request id was used for another request' USING ERRCODE = '{REUSED}';
    END LOOP;
    item := p->'done';
    IF item IS NOT NULL THEN
        UPDATE effects e SET state = 'finished', settled_at = moment, token = ''
        WHERE e.id = (item->>'e')::bigint AND e.token = item->>'t' AND e.state = 'waiting';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the lease is no longer held' USING ERRCODE = '{FENCED}';
        END IF;
    END IF;
";

const CHECKS: &str =
    "    FOR at IN 0 .. COALESCE(jsonb_array_length(p->'checks'), 0) - 1 LOOP
        item := p->'checks'->at;
        doc_kind := item->>'k';
        doc_id := item->>'i';
        IF (item->>'r')::bigint = 0 THEN
            PERFORM pg_advisory_xact_lock_shared(hashtextextended(doc_kind || '/' || doc_id, 0));
        END IF;
        hit := NULL;
        CASE doc_kind
{BRANCHES}        END CASE;
        IF COALESCE(hit, 0) <> (item->>'r')::bigint THEN
            RAISE EXCEPTION 'a document moved' USING ERRCODE = '{CONFLICT}', TABLE = doc_kind, DETAIL = doc_id,
                HINT = COALESCE(hit, 0)::text;
        END IF;
    END LOOP;
";

const WRITES: &str =
    "    FOR at IN 0 .. COALESCE(jsonb_array_length(p->'writes'), 0) - 1 LOOP
        item := p->'writes'->at;
        doc_kind := item->>'k';
        doc_id := item->>'i';
        expected := (item->>'r')::bigint;
        IF expected = 0 OR item->>'b' IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended(doc_kind || '/' || doc_id, 0));
        END IF;
        hit := NULL;
        actual := NULL;
        CASE doc_kind
{BRANCHES}        END CASE;
        IF hit IS NULL THEN
            RAISE EXCEPTION 'a document moved' USING ERRCODE = '{CONFLICT}', TABLE = doc_kind, DETAIL = doc_id,
                HINT = COALESCE(actual, 0)::text;
        END IF;
        IF item->>'b' IS NULL THEN
            INSERT INTO tombstones AS t (kind, id, revision, time) VALUES (doc_kind, doc_id, expected, moment)
            ON CONFLICT (kind, id) DO UPDATE SET revision = excluded.revision, time = excluded.time;
        END IF;
        revisions := revisions || hit;
    END LOOP;
";

/// The hash is that of `chain.rs`.
const REST: &str =
    "    FOR at IN 0 .. COALESCE(jsonb_array_length(p->'journal'), 0) - 1 LOOP
        item := p->'journal'->at;
        LOOP
            SELECT h.seq, h.hash INTO last_seq, last_hash FROM journal_head h WHERE h.stream = item->>'s' FOR UPDATE;
            IF NOT FOUND THEN
                last_seq := 0;
                last_hash := '{GENESIS}';
            END IF;
            next_hash := encode(sha256(convert_to(last_hash, 'UTF8') || int8send(last_seq + 1) || int8send(moment)
                || int8send(octet_length(item->>'s')) || convert_to(item->>'s', 'UTF8')
                || int8send(octet_length(item->>'k')) || convert_to(item->>'k', 'UTF8')
                || int8send(octet_length(item->>'a')) || convert_to(item->>'a', 'UTF8')
                || int8send(octet_length(item->>'b')) || convert_to(item->>'b', 'UTF8')), 'hex');
            IF last_seq = 0 THEN
                INSERT INTO journal_head (stream, seq, hash) VALUES (item->>'s', 1, next_hash)
                ON CONFLICT (stream) DO NOTHING;
                -- Somebody else began the stream meanwhile: go on after that.
                CONTINUE WHEN NOT FOUND;
            ELSE
                UPDATE journal_head h SET seq = last_seq + 1, hash = next_hash WHERE h.stream = item->>'s';
            END IF;
            EXIT;
        END LOOP;
        INSERT INTO journal (stream, seq, time, kind, actor, body, prev_hash, hash)
        VALUES (item->>'s', last_seq + 1, moment, item->>'k', item->>'a', item->>'b', last_hash, next_hash);
    END LOOP;
    FOR at IN 0 .. COALESCE(jsonb_array_length(p->'effects'), 0) - 1 LOOP
        item := p->'effects'->at;
        IF item->>'b' IS NULL THEN
            DELETE FROM effects e WHERE e.topic = item->>'t' AND e.key = item->>'k' AND e.state <> 'finished';
        ELSE
            INSERT INTO effects AS e (topic, key, version, not_before, body, trace, state, due_at, attempts, worker, token)
            VALUES (item->>'t', item->>'k', (item->>'v')::integer, (item->>'n')::bigint, item->>'b', item->>'c', 'waiting',
                (item->>'d')::bigint, (item->>'a')::integer, item->>'w', item->>'l')
            ON CONFLICT (topic, key) WHERE state <> 'finished' DO UPDATE SET id = excluded.id, version = excluded.version,
                not_before = excluded.not_before, body = excluded.body, trace = excluded.trace, state = 'waiting',
                due_at = excluded.due_at, attempts = excluded.attempts, worker = excluded.worker, token = excluded.token,
                error = '', settled_at = 0
            RETURNING e.id INTO hit;
            ids := ids || hit;
        END IF;
    END LOOP;
    IF p->'feed' IS NOT NULL THEN
        expected := nextval('feed_batch');
        INSERT INTO feed_pending (batch, ordinal, time, case_key, kind, body)
        SELECT expected, f.ordinality, moment, f.value->>'c', f.value->>'k', f.value->>'b'
        FROM jsonb_array_elements(p->'feed') WITH ORDINALITY f;
    END IF;
    RETURN jsonb_build_object('revisions', to_jsonb(revisions), 'effects', to_jsonb(ids));
END
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    #[test]
    fn the_name_follows_the_text() {
        const ONE: Kind = Kind { name: "one", columns: &[], indexes: &[] };
        const WIDER: Kind =
            Kind { columns: &[Column { name: "due", ty: ColumnType::BigInt }], indexes: &[&["due"]], ..ONE };
        let name = |kinds| CommitFunction::of(&Schema { kinds }).name;
        assert_eq!(name(&[ONE]), name(&[ONE]));
        assert_ne!(name(&[ONE]), name(&[WIDER]));
        assert_eq!(name(&[ONE]).len(), PREFIX.len() + DIGEST_DIGITS);
    }
}
