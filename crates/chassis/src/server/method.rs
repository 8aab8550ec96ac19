//! What a server knows of each of its methods: its rule, its class, how many calls it has, its meters.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};

use api::access::MethodAccess;
use metrics::{Counter, Gauge, Histogram};

use super::gate::Shed;
use crate::access::{EXEMPT_SERVICES, Rule};
use crate::telemetry::short_name;

/// Which calls come first when room is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Something is to change: an application, a decision, a payment.
    Decision,
    /// One thing is looked at.
    Read,
    /// Many things are looked at or loaded, page by page or in a stream of requests.
    List,
    /// A server stream, which has places of its own.
    Stream,
}

impl Class {
    pub(super) fn of(access: &MethodAccess) -> Self {
        if access.server_streaming {
            Self::Stream
        } else if access.mutation {
            Self::Decision
        } else if access.list || access.client_streaming {
            Self::List
        } else {
            Self::Read
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Read => "read",
            Self::List => "list",
            Self::Stream => "stream",
        }
    }
}

/// One method of a server.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) rule: Rule,
    /// Name of its spans: `LoanService.GetLoan`.
    pub(super) name: String,
    /// Its path, or a word for those without a rule.
    pub(super) label: &'static str,
    pub(super) class: Class,
    /// Calls inside the gate, and those of them at work. The gate counts.
    pub(super) inside: AtomicU32,
    pub(super) at_work: AtomicU32,
    service: &'static str,
    meters: OnceLock<Meters>,
}

/// Meters of a method that is called at all, found once.
pub(super) struct Meters {
    pub(super) ok: Counter,
    pub(super) seconds: Histogram,
    /// From arrival to beginning.
    pub(super) admission: Histogram,
    pub(super) in_flight: Gauge,
    exhausted: Counter,
    shed: [(Shed, Counter); 6],
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

impl Method {
    pub(super) fn new(service: &'static str, rule: Rule) -> Self {
        let (label, class) = match rule {
            Rule::Method(access) => (access.path, Class::of(access)),
            Rule::Exempt => ("exempt", Class::Stream),
            Rule::Unknown => ("unknown", Class::Read),
        };
        Self {
            rule,
            name: short_name(label),
            label,
            class,
            inside: AtomicU32::new(0),
            at_work: AtomicU32::new(0),
            service,
            meters: OnceLock::new(),
        }
    }

    pub(super) fn meters(&self) -> &Meters {
        self.meters.get_or_init(|| Meters {
            ok: self.ended("OK"),
            seconds: metrics::histogram!("leeway_rpc_seconds", "service" => self.service, "method" => self.label),
            admission: metrics::histogram!(
                "leeway_rpc_admission_seconds", "service" => self.service, "class" => self.class.name()
            ),
            in_flight: metrics::gauge!("leeway_rpc_in_flight", "service" => self.service),
            exhausted: self.ended("RESOURCE_EXHAUSTED"),
            shed: Shed::ALL.map(|why| (why, self.shed(why))),
        })
    }

    /// The counter of calls that ended with a code.
    pub(super) fn ended(&self, code: &'static str) -> Counter {
        metrics::counter!(
            "leeway_rpc_total", "service" => self.service, "method" => self.label, "code" => code
        )
    }

    fn shed(&self, why: Shed) -> Counter {
        metrics::counter!(
            "leeway_rpc_shed_total",
            "service" => self.service, "method" => self.label, "reason" => why.name()
        )
    }

    /// Counts a call that was shed.
    pub(super) fn count_shed(&self, why: Shed) {
        let found = self.meters().shed.iter().find(|(reason, _)| *reason == why);
        if let Some((_, counter)) = found {
            counter.increment(1);
        }
    }

    /// Counts a call that ended before its record began.
    pub(super) fn count_exhausted(&self) {
        self.meters().exhausted.increment(1);
    }
}

/// The methods of a server by path.
pub(super) struct Methods {
    table: HashMap<&'static str, Arc<Method>>,
    exempt: Arc<Method>,
    unknown: Arc<Method>,
}

impl Methods {
    pub(super) fn new(service: &'static str, table: &'static [MethodAccess]) -> Self {
        let method = |rule| Arc::new(Method::new(service, rule));
        Self {
            table: table.iter().map(|access| (access.path, method(Rule::Method(access)))).collect(),
            exempt: method(Rule::Exempt),
            unknown: method(Rule::Unknown),
        }
    }

    pub(super) fn find(&self, path: &str) -> &Arc<Method> {
        self.table.get(path).unwrap_or_else(|| {
            let exempt = EXEMPT_SERVICES.iter().any(|prefix| path.starts_with(prefix));
            if exempt { &self.exempt } else { &self.unknown }
        })
    }
}
