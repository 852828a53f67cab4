//! Usage: one row per invoke for the newest ones, and exact sums per function and hour for ever.
//!
//! A period is answered from the sums of its whole hours and from the rows of the hours it cuts. Rows go
//! after [`RECORDS_MAX`] of them; a cut hour whose rows are gone is then counted whole.

use crate::Error;
use crate::database::Database;
use crate::journal::Drain;
use lambkin_model::{
    FunctionName, NetworkUsage, Scope, StartCounts, Timestamp, UsageRecord, UsageTotals,
};
use rusqlite::{Connection, Row};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rows that are kept: about 200 MB of the database.
const RECORDS_MAX: i64 = 1_000_000;
/// Rows that go at once, so that pruning is rare and each time short.
const PRUNED_AT_ONCE: i64 = 4_096;
const HOUR_MS: i64 = 3_600_000;

/// What one function used; `PriceTable::rates(&sum of all).cost(&totals)` is its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUsage {
    /// Its name; it may be deleted meanwhile.
    pub function: FunctionName,
    /// The sum of its invokes.
    pub totals: UsageTotals,
}

/// The ledger.
pub struct Usage {
    database: Arc<Database>,
    drain: Drain,
}

impl Usage {
    pub(crate) fn new(database: Arc<Database>, drain: Drain) -> Self {
        Self { database, drain }
    }

    /// Totals per function, by name, of invokes that started in `[from, to)`, with everything appended
    /// to the journal before the call.
    pub async fn totals(
        &self,
        scope: &Scope,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FunctionUsage>, Error> {
        self.drain.now().await?;
        let scope = scope.clone();
        self.database
            .read(move |transaction| totals(transaction, &scope, from.0, to.0))
            .await
    }
}

/// Puts invokes into the tables. One that is there already counts once.
pub(crate) fn record(connection: &Connection, records: &[UsageRecord]) -> Result<(), Error> {
    let mut hours = HashMap::<(&Scope, &FunctionName, i64), UsageTotals>::new();
    let mut added = 0;
    for record in records {
        let mut totals = UsageTotals::default();
        totals.record(record);
        if insert(connection, record, &totals)? {
            added += 1;
            let hour = record.start.0.div_euclid(HOUR_MS);
            hours
                .entry((&record.scope, &record.function, hour))
                .or_default()
                .add(&totals);
        }
    }
    for ((scope, function, hour), totals) in hours {
        add_to_hour(connection, scope, function, hour, &totals)?;
    }
    keep(connection, added, RECORDS_MAX)
}

fn insert(
    connection: &Connection,
    record: &UsageRecord,
    totals: &UsageTotals,
) -> Result<bool, Error> {
    let sql = "INSERT OR IGNORE INTO usage_records VALUES
        (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22, ?23, ?24, ?25, ?26)";
    let inserted = connection.prepare_cached(sql)?.execute(rusqlite::params![
        record.start.0,
        record.request_id.as_uuid().as_bytes(),
        record.scope.account.as_str(),
        record.scope.region.as_str(),
        record.function.as_str(),
        record.version.to_string(),
        integer(record.duration_us),
        integer(record.billed_ms),
        record.init_us.map(integer),
        record.memory_mb,
        record.ephemeral_mb,
        record.architecture.as_str(),
        integer(record.memory_peak_bytes),
        integer(record.cpu_us),
        integer(totals.errors),
        record.outcome.as_str(),
        integer(totals.starts.cold),
        integer(totals.x86_64_mb_ms),
        integer(totals.arm64_mb_ms),
        integer(totals.ephemeral_mb_ms),
        integer(totals.network.connections),
        integer(totals.network.sent_bytes),
        integer(totals.network.received_bytes),
        integer(totals.starts.warm),
        integer(totals.starts.pooled),
        integer(totals.starts.cloned),
    ])?;
    Ok(inserted == 1)
}

fn add_to_hour(
    connection: &Connection,
    scope: &Scope,
    function: &FunctionName,
    hour: i64,
    totals: &UsageTotals,
) -> Result<(), Error> {
    let sql =
        "INSERT INTO usage_hours VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
        ?14, ?15, ?16, ?17)
        ON CONFLICT DO UPDATE SET
            requests = requests + excluded.requests,
            errors = errors + excluded.errors,
            cold = cold + excluded.cold,
            billed_ms = billed_ms + excluded.billed_ms,
            x86_64_mb_ms = x86_64_mb_ms + excluded.x86_64_mb_ms,
            arm64_mb_ms = arm64_mb_ms + excluded.arm64_mb_ms,
            ephemeral_mb_ms = ephemeral_mb_ms + excluded.ephemeral_mb_ms,
            connections = connections + excluded.connections,
            sent_bytes = sent_bytes + excluded.sent_bytes,
            received_bytes = received_bytes + excluded.received_bytes,
            warm = warm + excluded.warm,
            pooled = pooled + excluded.pooled,
            cloned = cloned + excluded.cloned";
    connection.prepare_cached(sql)?.execute(rusqlite::params![
        scope.account.as_str(),
        scope.region.as_str(),
        hour,
        function.as_str(),
        integer(totals.requests),
        integer(totals.errors),
        integer(totals.starts.cold),
        integer(totals.billed_ms),
        integer(totals.x86_64_mb_ms),
        integer(totals.arm64_mb_ms),
        integer(totals.ephemeral_mb_ms),
        integer(totals.network.connections),
        integer(totals.network.sent_bytes),
        integer(totals.network.received_bytes),
        integer(totals.starts.warm),
        integer(totals.starts.pooled),
        integer(totals.starts.cloned),
    ])?;
    Ok(())
}

/// Counts the rows that were added and removes the oldest beyond `records_max`.
fn keep(connection: &Connection, added: i64, records_max: i64) -> Result<(), Error> {
    let (records, mut from_ms) = connection
        .prepare_cached("SELECT records, from_ms FROM usage_records_kept")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let mut records = records + added;
    while records > records_max {
        // All rows of the last removed millisecond go together, so that `from_ms` tells the truth.
        let last: i64 = connection
            .prepare_cached(
                "SELECT start_ms FROM usage_records ORDER BY start_ms LIMIT 1 OFFSET ?1",
            )?
            .query_row([PRUNED_AT_ONCE.min(records) - 1], |row| row.get(0))?;
        let removed = connection
            .prepare_cached("DELETE FROM usage_records WHERE start_ms <= ?1")?
            .execute([last])?;
        records -= integer(removed as u64);
        from_ms = from_ms.max(last.saturating_add(1));
    }
    connection
        .prepare_cached("UPDATE usage_records_kept SET records = ?1, from_ms = ?2")?
        .execute([records, from_ms])?;
    Ok(())
}

fn totals(
    connection: &Connection,
    scope: &Scope,
    from: i64,
    to: i64,
) -> Result<Vec<FunctionUsage>, Error> {
    let kept: i64 = connection.query_row("SELECT from_ms FROM usage_records_kept", [], |row| {
        row.get(0)
    })?;
    let mut sums = BTreeMap::new();
    let whole = whole_hours(from, to, kept);
    let hours =
        "SELECT function, sum(requests), sum(errors), sum(cold), sum(billed_ms), sum(x86_64_mb_ms),
            sum(arm64_mb_ms), sum(ephemeral_mb_ms), sum(connections), sum(sent_bytes),
            sum(received_bytes), sum(warm), sum(pooled), sum(cloned) FROM usage_hours
        WHERE account = ?1 AND region = ?2 AND hour >= ?3 AND hour < ?4 GROUP BY function";
    let records =
        "SELECT function, count(*), sum(errors), sum(cold), sum(billed_ms), sum(x86_64_mb_ms),
            sum(arm64_mb_ms), sum(ephemeral_mb_ms), sum(connections), sum(sent_bytes),
            sum(received_bytes), sum(warm), sum(pooled), sum(cloned) FROM usage_records
        WHERE account = ?1 AND region = ?2 AND start_ms >= ?3 AND start_ms < ?4 GROUP BY function";
    if whole.0 > whole.1 {
        add_rows(connection, records, scope, (from, to), &mut sums)?;
    } else {
        add_rows(connection, hours, scope, whole, &mut sums)?;
        add_rows(
            connection,
            records,
            scope,
            (from, whole.0.saturating_mul(HOUR_MS)),
            &mut sums,
        )?;
        add_rows(
            connection,
            records,
            scope,
            (whole.1.saturating_mul(HOUR_MS), to),
            &mut sums,
        )?;
    }
    Ok(sums
        .into_iter()
        .map(|(function, totals)| FunctionUsage { function, totals })
        .collect())
}

/// The hours (numbers since 1970, end exclusive) that are taken whole: those inside the period, and
/// those it cuts whose rows are not all kept. The first lies behind the last when one hour with its
/// rows holds the whole period.
fn whole_hours(from: i64, to: i64, kept_from: i64) -> (i64, i64) {
    let is_cut = |moment: i64| moment.rem_euclid(HOUR_MS) != 0;
    let hour = |moment: i64| moment.div_euclid(HOUR_MS);
    let is_kept = |moment: i64| hour(moment).saturating_mul(HOUR_MS) >= kept_from;
    (
        hour(from) + i64::from(is_cut(from) && is_kept(from)),
        hour(to) + i64::from(is_cut(to) && !is_kept(to)),
    )
}

fn add_rows(
    connection: &Connection,
    sql: &str,
    scope: &Scope,
    (from, to): (i64, i64),
    sums: &mut BTreeMap<FunctionName, UsageTotals>,
) -> Result<(), Error> {
    if from >= to {
        return Ok(());
    }
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query((scope.account.as_str(), scope.region.as_str(), from, to))?;
    while let Some(row) = rows.next()? {
        let function = FunctionName::new(&row.get::<_, String>(0)?)
            .map_err(|error| Error::Unavailable(format!("a row of usage: {error}")))?;
        sums.entry(function).or_default().add(&totals_of(row)?);
    }
    Ok(())
}

fn totals_of(row: &Row<'_>) -> rusqlite::Result<UsageTotals> {
    let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(UsageTotals {
        requests: number(1)?,
        errors: number(2)?,
        starts: StartCounts {
            cold: number(3)?,
            warm: number(11)?,
            pooled: number(12)?,
            cloned: number(13)?,
        },
        billed_ms: number(4)?,
        x86_64_mb_ms: number(5)?,
        arm64_mb_ms: number(6)?,
        ephemeral_mb_ms: number(7)?,
        network: NetworkUsage {
            connections: number(8)?,
            sent_bytes: number(9)?,
            received_bytes: number(10)?,
        },
    })
}

/// SQLite's integers have a sign.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{record_at, scope};
    use crate::tables::schema;
    use lambkin_model::Start;
    use std::path::Path;

    fn database(records: &[UsageRecord]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, Path::new("d")).unwrap();
        record(&connection, records).unwrap();
        connection
    }

    fn requests(connection: &Connection, from: i64, to: i64) -> u64 {
        totals(connection, &scope(), from, to)
            .unwrap()
            .iter()
            .map(|one| one.totals.requests)
            .sum()
    }

    #[test]
    fn a_period_may_begin_and_end_anywhere() {
        let starts: Vec<i64> = (-30..90).map(|minute| minute * 60_000).collect();
        let records: Vec<_> = starts.iter().map(|start| record_at("f", *start)).collect();
        let connection = database(&records);
        let moments = [
            i64::MIN,
            -HOUR_MS - 1,
            -1,
            0,
            1,
            59_999,
            60_000,
            HOUR_MS,
            HOUR_MS + 1,
            4_000_000,
            i64::MAX,
        ];
        for from in moments {
            for to in moments {
                let expected = starts
                    .iter()
                    .filter(|start| from <= **start && **start < to)
                    .count();
                assert_eq!(
                    requests(&connection, from, to),
                    expected as u64,
                    "[{from}, {to})"
                );
            }
        }
    }

    #[test]
    fn a_record_counts_once_and_only_in_its_scope() {
        let records = [record_at("f", 5), record_at("g", 5)];
        let connection = database(&records);
        record(&connection, &records).unwrap();
        assert_eq!(requests(&connection, 0, HOUR_MS), 2);
        assert_eq!(requests(&connection, 0, 6), 2);
        let elsewhere = Scope {
            region: lambkin_model::Region::new("eu-west-1").unwrap(),
            ..scope()
        };
        assert_eq!(totals(&connection, &elsewhere, 0, HOUR_MS).unwrap(), []);
        let names: Vec<_> = totals(&connection, &scope(), 0, 6).unwrap();
        assert_eq!(
            names
                .iter()
                .map(|one| one.function.as_str())
                .collect::<Vec<_>>(),
            ["f", "g"]
        );
    }

    #[test]
    fn old_rows_go_and_their_hours_are_counted_whole() {
        let records: Vec<_> = (0..120)
            .map(|minute| record_at("f", minute * 60_000))
            .collect();
        let connection = database(&records);
        keep(&connection, 0, 100).unwrap();
        let left: i64 = connection
            .query_row("SELECT count(*) FROM usage_records", [], |row| row.get(0))
            .unwrap();
        assert!(left <= 100, "{left}");
        assert_eq!(requests(&connection, 0, 2 * HOUR_MS), 120);
        assert_eq!(
            requests(&connection, 60_000, 2 * HOUR_MS),
            120,
            "widened to the whole hour"
        );
        assert_eq!(
            requests(&connection, 0, 60_000),
            60,
            "widened to the whole hour"
        );
    }

    #[test]
    fn the_sums_carry_everything_that_a_bill_needs() {
        let mut expected = UsageTotals::default();
        let kinds = [Start::Cold, Start::Warm, Start::Pooled, Start::Cloned];
        let mut records: Vec<_> = (0..10).map(|n| record_at("f", n * 1_000)).collect();
        let all = records.iter_mut().zip(kinds.into_iter().cycle());
        all.for_each(|(record, kind)| record.start_kind = kind);
        records.iter().for_each(|record| expected.record(record));
        let connection = database(&records);
        let by_hours = totals(&connection, &scope(), 0, HOUR_MS).unwrap();
        let by_rows = totals(&connection, &scope(), 0, 10_000).unwrap();
        assert_eq!(
            by_hours,
            [FunctionUsage {
                function: FunctionName::new("f").unwrap(),
                totals: expected
            }]
        );
        assert_eq!(by_rows, by_hours);
        let starts = expected.starts;
        assert_eq!((starts.cold, starts.warm), (3, 3));
        assert_eq!((starts.pooled, starts.cloned), (2, 2));
        assert!(expected.errors > 0 && expected.ephemeral_mb_ms > 0);
        assert!(expected.network.received_bytes > expected.network.sent_bytes);
    }
}
