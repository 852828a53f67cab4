//! When a file was last modified, as its entry tells: interpreters compare it with what they compiled before, so
//! a package that brings compiled files is only fast if it is kept.

use zip::DateTime;
use zip::extra_fields::ExtraField;
use zip::read::ZipFile;

const DAY_S: i64 = 24 * 60 * 60;

/// Seconds since 1970. The exact time if the entry has it; else the date of MS-DOS, which knows no time zone and is
/// read as UTC, Lambda's own zone; else the first such date, so that the same package is always the same.
pub(super) fn modified_s<R: std::io::Read>(entry: &ZipFile<'_, R>) -> i64 {
    let exact = entry.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    exact.map_or_else(
        || since_1970(entry.last_modified().unwrap_or_default()),
        i64::from,
    )
}

fn since_1970(time: DateTime) -> i64 {
    let days = days(
        i64::from(time.year()),
        i64::from(time.month()),
        i64::from(time.day()),
    );
    let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
    days * DAY_S + minutes * 60 + i64::from(time.second())
}

/// Days from 1970 to a date of the Gregorian calendar. The year is counted from March, so that the leap day is its
/// last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    const MARCH: i64 = 3;
    const DAYS_TO_1970: i64 = 719_468;
    let year = if month < MARCH { year - 1 } else { year };
    let month = (month - MARCH).rem_euclid(12);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + day_of_year - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        let at = |year, month, day, hour, minute, second| {
            since_1970(
                DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap(),
            )
        };
        assert_eq!(at(1980, 1, 1, 0, 0, 0), 315_532_800);
        assert_eq!(at(2000, 2, 29, 12, 30, 58), 951_827_458);
        assert_eq!(at(2000, 3, 1, 0, 0, 0), 951_868_800);
        assert_eq!(at(2026, 11, 25, 4, 35, 30), 1_795_581_330);
        assert_eq!(at(2100, 3, 1, 0, 0, 0), 4_107_542_400);
    }
}
