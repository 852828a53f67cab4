//! Group commit: many callers, one failing write among them, and a stop with work queued.

use super::*;

fn database(folder: &tempfile::TempDir) -> Arc<Database> {
    let opened = Arc::new(Folder::open(folder.path()).unwrap());
    let connection = connect(folder.path()).unwrap();
    connection
        .execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT")
        .unwrap();
    Arc::new(Database::start(connection, &opened).unwrap())
}

fn insert(n: i64) -> impl FnOnce(&Connection) -> Result<(), Error> + Send + 'static {
    move |connection| {
        connection.execute("INSERT INTO t VALUES (?1)", [n])?;
        Ok(())
    }
}

async fn rows(database: &Database) -> i64 {
    database
        .read(|t| Ok(t.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_callers_share_commits_and_all_are_durable() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let callers = (0..32).map(|caller| {
        let database = Arc::clone(&database);
        tokio::spawn(async move {
            for n in 0..50 {
                database.write(insert(caller * 50 + n)).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!(rows(&database).await, 1_600);
    database.close(Duration::from_secs(5));
    let again = connect(folder.path()).unwrap();
    let kept: i64 = again
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1_600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_undoes_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let writes = (0..40).map(|n| {
        let database = Arc::clone(&database);
        tokio::spawn(async move {
            let write = move |connection: &Connection| {
                insert(n)(connection)?;
                if n % 4 == 0 {
                    Err(Error::Stale)
                } else {
                    Ok(())
                }
            };
            (n, database.write(write).await)
        })
    });
    for write in writes.collect::<Vec<_>>() {
        let (n, result) = write.await.unwrap();
        assert_eq!(matches!(result, Err(Error::Stale)), n % 4 == 0);
    }
    assert_eq!(rows(&database).await, 30);
}

#[tokio::test]
async fn after_the_close_a_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    database.write(insert(1)).await.unwrap();
    database.close(Duration::from_secs(5));
    assert!(matches!(
        database.write(insert(2)).await,
        Err(Error::Unavailable(_))
    ));
}

#[tokio::test]
async fn the_readers_connection_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let written = database
        .read(|t| Ok(t.execute("INSERT INTO t VALUES (1)", [])?))
        .await;
    assert!(matches!(written, Err(Error::Unavailable(_))));
}
