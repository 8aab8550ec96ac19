//! Who gets in. Decided when a call's head arrives, before anything is spent on it.
//!
//! Two things are counted over all connections: *places*, which calls at work hold, and the *queue* of those that arrived
//! and have not begun, whether they wait for a place or for the processor. Of both, reads and lists together get a
//! share, lists a smaller one, so that the rest is left to decisions; and no method gets all. A place that comes
//! free goes to a waiting decision first, then to a read, then to a list. Whoever finds no room is shed at once. Under
//! standing overload the queue shrinks to what begins within [`ServerConfig::queue_target_ms`]; see [`Pace`].

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::method::{Class, Method};
use super::pace::Pace;
use crate::config::{ServerConfig, millis};

/// Why a call was shed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shed {
    /// Places and queue are full for its class.
    Full,
    /// Its method has all that one method may have.
    MethodFull,
    /// Overload stands, and the shrunken queue is full for its class.
    Overload,
    /// Its deadline would pass before it begins.
    TooLate,
    /// It waited as long as a call may.
    Waited,
    /// The bytes of requests in flight are used up.
    Memory,
}

impl Shed {
    pub(super) const ALL: [Self; 6] =
        [Self::Full, Self::MethodFull, Self::Overload, Self::TooLate, Self::Waited, Self::Memory];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::MethodFull => "method_full",
            Self::Overload => "overload",
            Self::TooLate => "too_late",
            Self::Waited => "waited",
            Self::Memory => "memory",
        }
    }
}

/// The gate of one server.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    places: Caps,
    /// Places and queue together.
    inside: Caps,
    read_percent: u32,
    list_percent: u32,
    max_wait: Duration,
    queued: PerClass<Gauge>,
}

#[derive(Debug)]
struct State {
    /// Calls that arrived and did not end.
    inside: PerClass<u32>,
    /// Those of them that have begun.
    at_work: PerClass<u32>,
    /// Those that wait for a place, by arrival.
    lines: PerClass<BTreeMap<u64, Waiter>>,
    next: u64,
    pace: Pace,
}

#[derive(Debug)]
struct Waiter {
    method: Arc<Method>,
    turn: oneshot::Sender<()>,
}

impl Gate {
    pub(super) fn new(service: &'static str, config: &ServerConfig, now: Instant) -> Self {
        let queued = |class: Class| metrics::gauge!("leeway_rpc_queued", "service" => service, "class" => class.name());
        let state = State {
            inside: PerClass::default(),
            at_work: PerClass::default(),
            lines: PerClass::default(),
            next: 0,
            pace: Pace::new(millis(config.queue_target_ms), now),
        };
        Self {
            state: Mutex::new(state),
            places: Caps::new(config, config.max_in_flight),
            inside: Caps::new(config, config.max_in_flight.saturating_add(config.max_queued)),
            read_percent: config.read_percent,
            list_percent: config.list_percent,
            max_wait: millis(config.max_queue_wait_ms),
            queued: PerClass {
                decision: queued(Class::Decision),
                read: queued(Class::Read),
                list: queued(Class::List),
                stream: queued(Class::Stream),
            },
        }
    }

    /// Counts a call that just arrived, or says why not. `left` is the time its caller gives it.
    pub(super) fn enter(
        self: &Arc<Self>,
        method: &Arc<Method>,
        left: Option<Duration>,
        now: Instant,
    ) -> Result<Entry, Shed> {
        let mut state = self.lock();
        if let Some(why) = self.refusal(&mut state, method, left, now) {
            state.pace.shed(now);
            return Err(why);
        }
        *state.inside.get_mut(method.class) += 1;
        method.inside.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.queued.get(method.class).increment(1.0);
        Ok(Entry {
            gate: Arc::clone(self),
            method: Arc::clone(method),
            arrived: now,
            standing: Standing::Arrived,
        })
    }

    fn refusal(
        &self,
        state: &mut State,
        method: &Method,
        left: Option<Duration>,
        now: Instant,
    ) -> Option<Shed> {
        let class = method.class;
        if !self.inside.fit(&state.inside, class) {
            return Some(Shed::Full);
        }
        if method.inside.load(Ordering::Relaxed) >= self.inside.of_a_method(class) {
            return Some(Shed::MethodFull);
        }
        let most = state.pace.most_waiting(now)?;
        let mut waiting = state.inside.less(&state.at_work);
        // A stream has places of its own, but until it begins it stands in everybody's way, like a list.
        waiting.list += std::mem::take(&mut waiting.stream);
        let class = if class == Class::Stream { Class::List } else { class };
        let caps = Caps { all: most, reads: most, lists: most, streams: 0, of_calls: 0, of_streams: 0 };
        if !caps.shared(self.read_percent, self.list_percent).fit(&waiting, class) {
            return Some(Shed::Overload);
        }
        let ahead = waiting.decision + waiting.read + waiting.list;
        left.filter(|left| state.pace.wait_behind(ahead) > *left).map(|_| Shed::TooLate)
    }

    /// A place for the entry, or its turn to wait for.
    fn take_or_queue(&self, entry: &mut Entry, now: Instant) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        // Waiters are those for whom there is no room, so nobody is overtaken who could have begun.
        if self.has_room(&state, &entry.method) {
            self.begin(&mut state, &entry.method);
            entry.standing = Standing::AtWork;
            state.pace.begun(now.saturating_duration_since(entry.arrived), now);
            return None;
        }
        let (turn, granted) = oneshot::channel();
        let number = state.next;
        state.next = state.next.wrapping_add(1);
        let waiter = Waiter { method: Arc::clone(&entry.method), turn };
        state.lines.get_mut(entry.method.class).insert(number, waiter);
        entry.standing = Standing::InLine(number);
        Some(granted)
    }

    fn has_room(&self, state: &State, method: &Method) -> bool {
        self.places.fit(&state.at_work, method.class)
            && method.at_work.load(Ordering::Relaxed) < self.places.of_a_method(method.class)
    }

    fn begin(&self, state: &mut State, method: &Method) {
        *state.at_work.get_mut(method.class) += 1;
        method.at_work.fetch_add(1, Ordering::Relaxed);
        self.queued.get(method.class).decrement(1.0);
    }

    /// Takes an entry out, and lets those begin for whom there is room now.
    fn leave(&self, entry: &Entry) {
        let mut state = self.lock();
        let class = entry.method.class;
        let at_work = match entry.standing {
            Standing::Arrived => false,
            Standing::AtWork => true,
            // Out of the line without knowing it: its turn had come.
            Standing::InLine(number) => state.lines.get_mut(class).remove(&number).is_none(),
        };
        *state.inside.get_mut(class) -= 1;
        entry.method.inside.fetch_sub(1, Ordering::Relaxed);
        if !at_work {
            self.queued.get(class).decrement(1.0);
            return;
        }
        *state.at_work.get_mut(class) -= 1;
        entry.method.at_work.fetch_sub(1, Ordering::Relaxed);
        while let Some(waiter) = self.next_in_line(&mut state) {
            self.begin(&mut state, &waiter.method);
            // Whoever stopped waiting gives the place back by leaving.
            let _ = waiter.turn.send(());
        }
    }

    fn next_in_line(&self, state: &mut State) -> Option<Waiter> {
        for class in [Class::Decision, Class::Read, Class::List] {
            let line = state.lines.get(class);
            let number = line.iter().find(|(_, waiter)| self.has_room(state, &waiter.method));
            let number = number.map(|(number, _)| *number);
            if let Some(number) = number {
                return state.lines.get_mut(class).remove(&number);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call inside the gate; dropped, it leaves.
#[derive(Debug)]
pub(super) struct Entry {
    gate: Arc<Gate>,
    method: Arc<Method>,
    arrived: Instant,
    standing: Standing,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    Arrived,
    /// Under this number, until its turn is granted.
    InLine(u64),
    AtWork,
}

impl Entry {
    /// Waits for a place.
    pub(super) async fn begin(&mut self) -> Result<(), Shed> {
        let gate = Arc::clone(&self.gate);
        let now = Instant::now();
        let latest = self.arrived + gate.max_wait;
        if now > latest {
            return Err(Shed::Waited);
        }
        if let Some(turn) = gate.take_or_queue(self, now) {
            match tokio::time::timeout_at(latest, turn).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(Shed::Waited),
            }
            self.standing = Standing::AtWork;
            let now = Instant::now();
            gate.lock().pace.begun(now.saturating_duration_since(self.arrived), now);
        }
        Ok(())
    }

    pub(super) fn arrived(&self) -> Instant {
        self.arrived
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.gate.leave(self);
    }
}

/// Something of each class.
#[derive(Debug, Default)]
struct PerClass<T> {
    decision: T,
    read: T,
    list: T,
    stream: T,
}

impl<T> PerClass<T> {
    fn get(&self, class: Class) -> &T {
        match class {
            Class::Decision => &self.decision,
            Class::Read => &self.read,
            Class::List => &self.list,
            Class::Stream => &self.stream,
        }
    }

    fn get_mut(&mut self, class: Class) -> &mut T {
        match class {
            Class::Decision => &mut self.decision,
            Class::Read => &mut self.read,
            Class::List => &mut self.list,
            Class::Stream => &mut self.stream,
        }
    }
}

impl PerClass<u32> {
    fn less(&self, other: &Self) -> Self {
        Self {
            decision: self.decision.saturating_sub(other.decision),
            read: self.read.saturating_sub(other.read),
            list: self.list.saturating_sub(other.list),
            stream: self.stream.saturating_sub(other.stream),
        }
    }
}

/// How many there may be.
#[derive(Debug, Clone, Copy)]
struct Caps {
    all: u32,
    /// Reads and lists together.
    reads: u32,
    lists: u32,
    streams: u32,
    /// Of one method, and of one method that streams.
    of_calls: u32,
    of_streams: u32,
}

impl Caps {
    fn new(config: &ServerConfig, all: u32) -> Self {
        let streams = config.max_open_streams;
        let of_calls = percent(all, config.method_percent);
        let of_streams = percent(streams, config.method_percent);
        let caps = Self { all, reads: all, lists: all, streams, of_calls, of_streams };
        caps.shared(config.read_percent, config.list_percent)
    }

    fn shared(self, read_percent: u32, list_percent: u32) -> Self {
        Self {
            reads: percent(self.all, read_percent),
            lists: percent(self.all, list_percent.min(read_percent)),
            ..self
        }
    }

    /// Whether one more of the class fits.
    fn fit(&self, counts: &PerClass<u32>, class: Class) -> bool {
        let reads = counts.read + counts.list;
        let all = reads + counts.decision < self.all;
        match class {
            Class::Decision => all,
            Class::Read => all && reads < self.reads,
            Class::List => all && reads < self.reads && counts.list < self.lists,
            Class::Stream => counts.stream < self.streams,
        }
    }

    fn of_a_method(&self, class: Class) -> u32 {
        match class {
            Class::Decision | Class::Read | Class::List => self.of_calls,
            Class::Stream => self.of_streams,
        }
    }
}

/// Rounded up, so that whoever has any share has at least one.
fn percent(of: u32, percent: u32) -> u32 {
    let share = u64::from(of) * u64::from(percent.min(100));
    u32::try_from(share.div_ceil(100)).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Rule;
    use crate::ids::Ids;
    use api::access::MethodAccess;
    use std::pin::Pin;

    type Begins = Pin<Box<dyn Future<Output = (Entry, Result<(), Shed>)>>>;

    static DECIDE: MethodAccess = MethodAccess {
        path: "/x/Decide",
        roles: &[],
        owner: None,
        subject_free: false,
        client_streaming: false,
        server_streaming: false,
        mutation: true,
        list: false,
    };
    static READ: MethodAccess = MethodAccess { path: "/x/Read", mutation: false, ..DECIDE };
    static LIST: MethodAccess = MethodAccess { path: "/x/List", list: true, ..READ };
    static WATCH: MethodAccess = MethodAccess { path: "/x/Watch", server_streaming: true, ..READ };

    fn gate(config: &ServerConfig) -> (Arc<Gate>, [Arc<Method>; 4]) {
        let methods = [&DECIDE, &READ, &LIST, &WATCH];
        let methods = methods.map(|access| Arc::new(Method::new("test", Rule::Method(access))));
        (Arc::new(Gate::new("test", config, Instant::now())), methods)
    }

    fn begins(mut entry: Entry) -> Begins {
        Box::pin(async move {
            let outcome = entry.begin().await;
            (entry, outcome)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn standing_overload_shrinks_the_queue_for_lists_most() {
        let (gate, [decide, read, list, watch]) = gate(&ServerConfig::default());
        let enter = |method, left| gate.enter(method, left, Instant::now());
        for _ in 0..5 {
            let late: Vec<Entry> = (0..50).map(|_| enter(&read, None).unwrap()).collect();
            tokio::time::advance(Duration::from_millis(11)).await;
            for entry in late {
                begins(entry).await.1.unwrap();
            }
            tokio::time::advance(Duration::from_millis(89)).await;
        }
        // Fifty in 100 ms: thirty-two, the fewest, may wait, twenty-four of them reads or lists, sixteen lists.
        let mut waiting = Vec::new();
        for (method, more) in [(&list, 16), (&read, 8), (&decide, 8)] {
            for _ in 0..more {
                waiting.push(enter(method, None).unwrap());
            }
            assert_eq!(enter(method, None).unwrap_err(), Shed::Overload, "{}", method.label);
        }
        assert_eq!(enter(&watch, None).unwrap_err(), Shed::Overload);
        drop(waiting.split_off(10));
        let (soon, in_time) = (Duration::from_millis(19), Duration::from_millis(21));
        assert_eq!(enter(&decide, Some(soon)).unwrap_err(), Shed::TooLate, "ten before it take 20 ms");
        enter(&decide, Some(in_time)).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!((0..50).map(|_| enter(&list, Some(soon))).all(|entry| entry.is_ok()), "it is over");
    }

    /// Entries that come, wait, begin, end and are dropped in any order: the counts hold, and nothing stays behind.
    #[tokio::test(start_paused = true)]
    async fn every_order_of_coming_and_going_adds_up() {
        for seed in 0..50 {
            let config = ServerConfig {
                max_in_flight: 4,
                max_queued: 8,
                max_open_streams: 3,
                max_queue_wait_ms: 50,
                ..ServerConfig::default()
            };
            let (gate, methods) = gate(&config);
            let ids = Ids::seeded(seed);
            let draw =
                |most: u64| usize::try_from(ids.jitter(Duration::from_micros(most)).as_micros()).unwrap();
            let (mut waiting, mut at_work) = (Vec::<Begins>::new(), Vec::<Entry>::new());
            for _ in 0..500 {
                match draw(5) {
                    0 | 1 => {
                        let entered = gate.enter(&methods[draw(4)], None, Instant::now());
                        waiting.extend(entered.map(begins));
                    }
                    2 if !waiting.is_empty() => {
                        let mut one = waiting.swap_remove(draw(waiting.len() as u64));
                        match futures_util::poll!(&mut one) {
                            std::task::Poll::Ready((entry, Ok(()))) => at_work.push(entry),
                            std::task::Poll::Ready((_, Err(why))) => assert_eq!(why, Shed::Waited),
                            std::task::Poll::Pending => waiting.push(one),
                        }
                    }
                    3 if !waiting.is_empty() => drop(waiting.swap_remove(draw(waiting.len() as u64))),
                    4 if !at_work.is_empty() => drop(at_work.swap_remove(draw(at_work.len() as u64))),
                    _ => tokio::time::advance(Duration::from_millis(1)).await,
                }
                let state = gate.lock();
                let calls = |count: &PerClass<u32>| count.decision + count.read + count.list;
                assert!(calls(&state.at_work) <= 4 && calls(&state.inside) <= 12);
                assert!(state.at_work.stream <= 3 && state.at_work.list <= 2);
                assert_eq!(
                    calls(&state.inside) + state.inside.stream,
                    (waiting.len() + at_work.len()) as u32
                );
            }
            drop((waiting, at_work));
            let state = gate.lock();
            for class in [Class::Decision, Class::Read, Class::List, Class::Stream] {
                assert_eq!((*state.inside.get(class), *state.at_work.get(class)), (0, 0), "{seed}");
                assert!(state.lines.get(class).is_empty());
            }
            for method in &methods {
                let counts = [&method.inside, &method.at_work].map(|count| count.load(Ordering::Relaxed));
                assert_eq!(counts, [0, 0], "{seed}");
            }
        }
    }
}
