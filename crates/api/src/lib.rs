//! Generated from `proto/`: messages, clients, servers, the descriptor set for reflection, the access table.

#[expect(clippy::large_enum_variant, reason = "a oneof is as large as its messages; boxes would only slow decoding")]
#[expect(clippy::allow_attributes, reason = "the generator writes its own allow attributes")]
#[rustfmt::skip]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}
pub use generated::*;

/// Encoded `FileDescriptorSet` with source info, for reflection.
pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Who may call what.
pub mod access {
    /// What a caller is; mirrors `leeway.common.v1.Role`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Role {
        /// The person who owes.
        Borrower,
        /// Decides cases.
        Officer,
        /// Co-signs.
        Supervisor,
        /// Publishes packs.
        PolicyAdmin,
        /// Runs the system.
        Operator,
        /// Another service.
        Service,
        /// Reads records.
        Auditor,
    }

    /// What an owned resource is; mirrors `leeway.common.v1.OwnerKind`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum OwnerKind {
        /// A borrower.
        Borrower,
        /// A loan.
        Loan,
        /// An application.
        Application,
        /// A plan.
        Plan,
        /// A notification.
        Notification,
    }

    /// The request field that names the owned resource.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct OwnerField {
        /// Proto number of the top-level string field.
        pub number: u32,
        /// What it identifies.
        pub kind: OwnerKind,
    }

    /// Access rule of one method.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct MethodAccess {
        /// `/package.Service/Method`.
        pub path: &'static str,
        /// Roles that may call.
        pub roles: &'static [Role],
        /// Owned resource, if any.
        pub owner: Option<OwnerField>,
        /// Open to a service that acts for a borrower although it names no resource of theirs.
        pub subject_free: bool,
        /// The client streams.
        pub client_streaming: bool,
        /// The server streams.
        pub server_streaming: bool,
        /// It changes state under a `request_id`.
        pub mutation: bool,
        /// It answers page by page: its request has a `page_size`.
        pub list: bool,
    }

    include!(concat!(env!("OUT_DIR"), "/access_table.rs"));
}
