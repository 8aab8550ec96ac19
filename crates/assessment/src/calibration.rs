//! What a pack's tables say about borrowers outside any case: figures that can be held against real data.

use loan::Bucket;

use crate::codes::Grade;
use crate::pack::Pack;

/// Grade that the pack gives a history: bucket of the day, and late months of the last six.
pub fn history_grade(pack: &Pack, bucket: Bucket, late_months: u32) -> Grade {
    pack.tables.grade(bucket, late_months)
}
