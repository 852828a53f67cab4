//! The unprivileged user that a server started as root becomes.

use anyhow::{Context, bail};
use std::ops::Range;

/// Used where no user of the default name exists: a number that belongs to nobody needs no account.
const NUMBER_WITHOUT_ACCOUNT: u32 = 9_550;
const DEFAULT_NAME: &str = "lambkin";

/// User and group numbers of `user`, a name of `/etc/passwd` or a number.
pub(crate) fn resolve(user: &str) -> anyhow::Result<(u32, u32)> {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = find(&table, user)?;
    if ids.0 == 0 || ids.1 == 0 {
        bail!("--user {user} is root; name an unprivileged user");
    }
    Ok(ids)
}

/// Refuses a user that environments run under as well. One that cannot be resolved is refused where it is needed.
pub(crate) fn check_apart(user: &str, sandboxes: &Range<u32>) -> anyhow::Result<()> {
    let Ok((uid, gid)) = resolve(user) else {
        return Ok(());
    };
    if sandboxes.contains(&uid) || sandboxes.contains(&gid) {
        bail!(
            "user {user} has number {uid} and group {gid}, and environments run under {} to {}; set sandbox_uid_first \
             to numbers that nobody has",
            sandboxes.start,
            sandboxes.end - 1
        );
    }
    Ok(())
}

fn find(table: &str, user: &str) -> anyhow::Result<(u32, u32)> {
    let entry = table
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() > 3 && (fields[0] == user || fields[2] == user));
    match entry {
        Some(fields) => {
            let number = |text: &str| {
                text.parse()
                    .context("/etc/passwd holds no number for the user")
            };
            Ok((number(fields[2])?, number(fields[3])?))
        }
        None if user == DEFAULT_NAME => Ok((NUMBER_WITHOUT_ACCOUNT, NUMBER_WITHOUT_ACCOUNT)),
        None => match user.parse() {
            Ok(number) => Ok((number, number)),
            Err(_) => bail!("there is no user {user}; make it with: useradd --system {user}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n";

    #[test]
    fn names_numbers_and_the_default_are_understood() {
        assert_eq!(find(TABLE, "alice").unwrap(), (1000, 1001));
        assert_eq!(find(TABLE, "1000").unwrap(), (1000, 1001));
        assert_eq!(find(TABLE, "4242").unwrap(), (4242, 4242));
        assert_eq!(find(TABLE, "lambkin").unwrap(), (9_550, 9_550));
        assert!(find(TABLE, "nobody-here").is_err());
    }

    #[test]
    fn root_is_refused() {
        assert!(resolve("0").is_err());
    }

    #[test]
    fn a_user_that_environments_run_under_is_refused() {
        let check = |number: u32| check_apart(&number.to_string(), &(70_000..70_010));
        assert!(check(70_000).is_err() && check(70_009).is_err());
        assert!(check(69_999).is_ok() && check(70_010).is_ok());
    }
}
