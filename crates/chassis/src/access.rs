//! Who may call what. The table comes from the proto options; whose a resource is, the service answers.

use std::sync::Arc;

use api::access::{MethodAccess, OwnerKind};
use api::leeway::common::v1::ErrorReason;
use http::HeaderMap;
use tonic::Status;
use tonic::body::Body;

use crate::frame;
use crate::principal::{PRINCIPAL_HEADER, Principal, SUBJECT_HEADER};
use crate::problem::Problem;

/// Paths that need no principal: probes and the description of the API.
pub(crate) const EXEMPT_SERVICES: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Says whose a resource is.
#[tonic::async_trait]
pub trait OwnerLookup: Send + Sync + 'static {
    /// The borrower who owns it, `None` if it doesn't exist. Never asked for `OwnerKind::Borrower`.
    async fn owner_of(&self, kind: OwnerKind, id: &str) -> Result<Option<String>, Problem>;
}

/// For services whose methods name borrowers only: nothing else is anybody's.
#[derive(Debug, Clone, Copy)]
pub struct NoOwners;

#[tonic::async_trait]
impl OwnerLookup for NoOwners {
    async fn owner_of(&self, _kind: OwnerKind, _id: &str) -> Result<Option<String>, Problem> {
        Ok(None)
    }
}

/// Enforces the table before a handler runs.
#[derive(Clone)]
pub(crate) struct Guard {
    owners: Arc<dyn OwnerLookup>,
}

/// What the table says of a path.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    Exempt,
    Method(&'static MethodAccess),
    Unknown,
}

impl Rule {
    /// Whether the answer is a stream without a foreseeable end.
    pub(crate) fn is_server_stream(self) -> bool {
        match self {
            Self::Method(access) => access.server_streaming,
            // Health's Watch and reflection are streams, its Check ends by itself.
            Self::Exempt => true,
            Self::Unknown => false,
        }
    }
}

impl Guard {
    pub(crate) fn new(owners: Arc<dyn OwnerLookup>) -> Self {
        Self { owners }
    }

    /// Checks role and ownership. Returns the request with its body whole, and its principal.
    pub(crate) async fn admit(
        &self,
        access: &MethodAccess,
        request: http::Request<Body>,
    ) -> Result<(http::Request<Body>, Principal), Status> {
        let principal = principal_of(request.headers())?;
        if !access.roles.contains(&principal.role) {
            return Err(Problem::denied().operator("the role may not call this").into());
        }
        let Some(borrower) = principal.acting_for() else { return Ok((request, principal)) };
        let Some(owner) = &access.owner else {
            // A borrower's own role is listed where a method is for borrowers; a service's subject is not a role.
            if principal.subject.is_some() && !access.subject_free {
                return Err(Problem::denied().operator("not for a service that acts for a borrower").into());
            }
            return Ok((request, principal));
        };
        let (parts, body) = request.into_parts();
        let (message, body) = frame::first_message(body).await?;
        // Without a message there is nothing to own; the handler reports the stump.
        if let Some(message) = message {
            let id = frame::string_field(message, owner.number).map_err(|frame::NotProtobuf| {
                Problem::malformed(ErrorReason::ValidationFailed, "the request message can't be decoded")
            })?;
            if !self.owns(borrower, owner.kind, &id).await? {
                return Err(Problem::denied().operator("absent, or somebody else's").into());
            }
        }
        Ok((http::Request::from_parts(parts, body), principal))
    }

    async fn owns(&self, borrower: &str, kind: OwnerKind, id: &str) -> Result<bool, Problem> {
        // An empty id is nobody's: it might mean "all" to a handler.
        if id.is_empty() {
            return Ok(false);
        }
        match kind {
            OwnerKind::Borrower => Ok(id == borrower),
            OwnerKind::Loan | OwnerKind::Application | OwnerKind::Plan | OwnerKind::Notification => {
                Ok(self.owners.owner_of(kind, id).await?.as_deref() == Some(borrower))
            }
        }
    }
}

fn principal_of(headers: &HeaderMap) -> Result<Principal, Problem> {
    let header = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    Principal::parse(header(PRINCIPAL_HEADER), header(SUBJECT_HEADER))
}
