//! A caller that goes away at any await.

use std::future::poll_fn;
use std::task::Poll;

use store::{Commit, StoreError};

use super::{Fixture, SCHEMA, effect, entry, event, put, request, writes};

/// xorshift64: the same choices every run.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the caller saw of a commit before it went away.
#[derive(Debug, PartialEq)]
enum Seen {
    NeverPolled,
    Left,
    Refused,
    Answered,
}

pub async fn a_cancelled_commit_is_done_or_absent(f: Fixture) {
    let mut choices = Choices(0x9E37_79B9_7F4A_7C15);
    let mut seen = Vec::new();
    for n in 0..f.many {
        let id = format!("c{n}");
        let commit = Commit {
            journal: vec![entry(&id, "{}")],
            effects: vec![effect("notify", &id, n as i64)],
            feed: vec![event(&id)],
            request: Some(request(&id)),
            ..writes(vec![put(&id, 0, 1)])
        };
        seen.push(poll_some(&f, commit, choices.below(4)).await);
        if choices.below(50) == 0 {
            tokio::task::yield_now().await;
        }
    }
    let f = f.reopen(&SCHEMA).await;
    let feed = f.store.read_feed(0, 10_000).await.unwrap();
    let mut in_feed = feed.iter().map(|row| row.case_key.as_str()).collect::<std::collections::HashSet<_>>();
    for (n, seen) in seen.iter().enumerate() {
        let id = format!("c{n}");
        let found = [
            f.store.get("case", &id).await.unwrap().is_some(),
            f.store.read_stream(&id, 0, 2).await.unwrap().len() == 1,
            f.store.find_request("borrower:1", "", &id).await.unwrap().is_some(),
            in_feed.remove(id.as_str()),
        ];
        let expected = matches!(seen, Seen::Left | Seen::Answered);
        assert_eq!(found, [expected; 4], "commit {n}: {seen:?}");
    }
    let effects = f.number("SELECT count(*) FROM effects");
    assert_eq!((effects as usize, in_feed.len()), (feed.len(), 0));
    for sort in [Seen::NeverPolled, Seen::Answered] {
        assert!(seen.contains(&sort), "no commit was {sort:?}");
    }
    assert_eq!(seen.contains(&Seen::Left), f.waits);
}

/// Polls the commit so many times at most (3: until it answers) and drops it.
async fn poll_some(f: &Fixture, commit: Commit, polls: u64) -> Seen {
    let mut future = Box::pin(f.store.commit(commit));
    let judge = |answer: Result<_, StoreError>| match answer {
        Ok(_) => Seen::Answered,
        Err(StoreError::Overloaded) => Seen::Refused,
        Err(error) => panic!("{error}"),
    };
    if polls == 3 {
        return judge(future.await);
    }
    let mut seen = Seen::NeverPolled;
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        match polled {
            Poll::Ready(answer) => return judge(answer),
            Poll::Pending => seen = Seen::Left,
        }
    }
    seen
}
