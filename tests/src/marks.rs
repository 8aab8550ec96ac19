//! What happened, as numbers that only grow.

use store::Store;

use crate::stage::Stage;

/// More streams and entries than any of these stories makes.
const MANY: u32 = 500;

/// Whatever a mutation could leave behind: journal entries of the three services, feed, documents.
pub async fn marks(stage: &Stage) -> anyhow::Result<Vec<i64>> {
    let application = &stage.application.store;
    let mut marks = vec![application.feed_head().await?];
    for kind in ["loan", "application", "open_case", "evidence", "plan"] {
        marks.push(application.count(kind, Vec::new()).await?);
    }
    for store in [application, &stage.notification.store, stage.policy_store()?] {
        marks.push(journal(store).await?);
    }
    for kind in ["decision", "decision_row", "shadow", "pack", "activation"] {
        marks.push(stage.policy_store()?.count(kind, Vec::new()).await?);
    }
    Ok(marks)
}

async fn journal(store: &Store) -> anyhow::Result<i64> {
    let mut entries = 0;
    for stream in store.list_streams("", MANY).await? {
        entries += store.read_stream(&stream, 0, MANY).await?.len();
    }
    Ok(i64::try_from(entries)?)
}
