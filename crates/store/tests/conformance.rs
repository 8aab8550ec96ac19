//! One suite for every engine: what a store promises, whatever is underneath. And what a server's faults may not change.

#[cfg(test)]
mod server;
#[cfg(test)]
mod suite;

#[cfg(test)]
macro_rules! tests {
    ($open:expr; $($module:ident::$test:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::suite::$module::$test($open.await).await;
            }
        )*
    };
}

#[cfg(test)]
macro_rules! conformance {
    ($engine:ident, $open:expr) => {
        mod $engine {
            tests!($open;
                documents::revisions_guard_every_write,
                documents::a_conflict_leaves_nothing_of_its_commit,
                documents::a_revision_never_names_two_contents,
                documents::refuses_what_the_schema_forbids,
                documents::filters_and_orders,
                documents::pages_meet_every_document_once_under_writes,
                documents::survives_reopening,
                documents::declarations_grow,
                documents::opens_what_is_still_for_it,
                requests::replays_answer_as_before,
                requests::a_concurrent_request_happens_once,
                requests::a_request_id_belongs_to_one_payload,
                requests::retention_forgets,
                effects::claims_what_is_due_oldest_first,
                effects::put_replaces_and_fences,
                effects::drop_removes_and_fences,
                effects::a_lease_ends,
                effects::a_lease_taken_in_the_commit_holds,
                effects::done_and_result_are_one,
                effects::a_failed_attempt_comes_again,
                effects::parks_and_redrives,
                effects::unknown_topics_and_newer_versions_stay,
                effects::concurrent_workers_never_share,
                effects::a_clock_that_jumps_harms_nothing,
                feed::positions_are_dense_under_concurrent_commits,
                feed::retention_says_so_to_old_cursors,
                feed::changes_ring_for_what_changed,
                journal::a_stream_is_a_chain,
                journal::tampering_is_found,
                cancel::a_cancelled_commit_is_done_or_absent,
            );
        }
    };
}

conformance!(sqlite_threaded, crate::suite::Fixture::threaded());
conformance!(sqlite_inline, crate::suite::Fixture::inline());
conformance!(postgres, crate::suite::Fixture::postgres());
conformance!(postgres_pooled, crate::suite::Fixture::pooled());
