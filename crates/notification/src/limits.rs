//! What may grow, and how far.

/// Longest key of a message, bytes.
pub const MAX_KEY_BYTES: usize = 200;
/// Longest borrower or application id, bytes.
pub const MAX_ID_BYTES: usize = 128;
/// Longest text of one parameter, bytes.
pub const MAX_PARAMETER_BYTES: usize = 500;
/// Most parameters in one request, before their names are looked at.
pub const MAX_PARAMETERS: usize = 20;
/// Most codes in a parameter that lists some.
pub const MAX_CODES: usize = 10;
/// Furthest that a message may be scheduled ahead, days: ten years, longer than any loan's term in the packs.
pub const MAX_SCHEDULE_AHEAD_DAYS: i64 = 3_660;
/// Largest request message, bytes.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Messages on a page of the inbox where the request doesn't say.
pub const DEFAULT_PAGE_ROWS: u32 = 20;
/// Most messages on a page of the inbox.
pub const MAX_PAGE_ROWS: u32 = 100;
/// Longest page token, bytes.
pub const MAX_PAGE_TOKEN_BYTES: usize = 200;
/// Attempts kept of a contact point: as many as any cap can ask for.
pub const MAX_LOG_ATTEMPTS: usize = contact::MAX_ATTEMPTS as usize;
