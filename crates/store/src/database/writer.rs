//! The writer thread: takes what waits, commits it as one transaction, then answers all.

use crate::Error;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc::Receiver;

/// Writes that share a commit: bounds the time that the first of them waits.
const GROUP_MAX: usize = 256;

/// What the queue carries.
pub(super) enum Job {
    Write(Write),
    Stop,
}

/// Does its work in the transaction and returns how its caller is answered after the commit. Dropping
/// the answer tells the caller that nothing was committed.
type Write = Box<dyn FnOnce(&mut Transaction<'_>) -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// Runs until it is told to stop or every handle is gone.
pub(super) fn run(mut connection: Connection, mut jobs: Receiver<Job>) {
    let mut is_stopping = false;
    while !is_stopping {
        let Some(first) = jobs.blocking_recv() else {
            return;
        };
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(write) => group.push(write),
                Job::Stop => {
                    is_stopping = true;
                    jobs.close();
                }
            }
            next = if group.len() < GROUP_MAX {
                jobs.try_recv().ok()
            } else {
                None
            };
        }
        match commit(&mut connection, group) {
            Ok(answers) => answers.into_iter().for_each(|answer| answer()),
            Err(error) => {
                tracing::error!(%error, "the database did not commit; check the disk of the data folder")
            }
        }
    }
}

fn commit(connection: &mut Connection, group: Vec<Write>) -> rusqlite::Result<Vec<Answer>> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let answers = group
        .into_iter()
        .map(|write| write(&mut transaction))
        .collect();
    transaction.commit()?;
    Ok(answers)
}

/// Runs one write so that its failure undoes it alone.
pub(super) fn in_savepoint<T>(
    transaction: &mut Transaction<'_>,
    write: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    let savepoint = transaction.savepoint()?;
    let value = write(&savepoint)?;
    savepoint.commit()?;
    Ok(value)
}
