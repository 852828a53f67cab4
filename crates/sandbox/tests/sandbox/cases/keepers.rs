//! What hangs or is not as it should be, on the way of a clone: nobody waits for it for long, and nobody else misses
//! anything.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lambkin_sandbox::Event;
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{self, Inside, Place};

const LIVES: &str = "print('lives')\nprint('=end=')";

impl Place {
    /// The place of a clone, whose pid 1 has been led out of the control groups that clones enter.
    async fn elsewhere(&self, template: &Inside) -> Inside {
        let before = self.traces();
        let inside = self.fresh(&template.sandbox).await;
        let after = self.traces();
        let pid = after.processes.difference(&before.processes).next();
        let pid = pid.expect("its pid 1").to_string();
        for group in after.groups.difference(&before.groups) {
            fs::write(hierarchy_of(group).join("cgroup.procs"), &pid).expect("a way out");
        }
        inside
    }
}

/// The root of the hierarchy that a group is in: there is one for each kind of limit, or one for all.
fn hierarchy_of(group: &str) -> &Path {
    let mut above = Path::new(group).ancestors().filter(|folder| {
        let parent = folder.parent().unwrap_or(folder);
        !parent.join("cgroup.procs").exists()
    });
    above.next().expect("a hierarchy")
}

pub(super) fn who_hangs_on_the_way_is_given_up() {
    place::with(|place| async move {
        let before = place.traces();
        let template = place.template("").await;
        let fresh = place.elsewhere(&template).await;
        let Some(freezer) = fresh.sandbox.freezer() else {
            return;
        };
        // Whoever enters it stands still from then on, but its pid 1 does not.
        freezer.freeze().expect("frozen");
        let began = Instant::now();
        let cloned = template
            .sandbox
            .clone_into(&fresh.sandbox, Vec::new())
            .await;
        let told = cloned.expect_err("no clone").to_string();
        assert!(told.contains("make a clone's calls"), "{told}");
        assert!(began.elapsed() < Duration::from_secs(2), "{told}");
        let mut clone = place.fresh(&template.sandbox).await;
        let began = Instant::now();
        let input = LIVES.as_bytes().to_vec();
        let cloned = template.sandbox.clone_into(&clone.sandbox, input).await;
        cloned.expect("a clone");
        assert_eq!(clone.end().await.0, "lives\n");
        assert!(began.elapsed() < Duration::from_secs(1));
        freezer.thaw().expect("thawed");
        clone.sandbox.destroy().await;
        fresh.sandbox.destroy().await;
        template.sandbox.destroy().await;
        let after = place.traces();
        assert_eq!(
            (after.processes, after.groups),
            (before.processes, before.groups)
        );
    });
}

/// What the calls of a clone have not led to is found before it runs.
pub(super) fn who_is_not_where_it_belongs_never_runs() {
    place::with(|place| async move {
        if !place.has_groups() {
            return;
        }
        let template = place.template("").await;
        let mut fresh = place.elsewhere(&template).await;
        let input = LIVES.as_bytes().to_vec();
        let cloned = template.sandbox.clone_into(&fresh.sandbox, input).await;
        let told = cloned.expect_err("no clone").to_string();
        assert!(told.contains("verify a clone"), "{told}");
        let ran = tokio::time::timeout(Duration::from_millis(100), fresh.read_until("lives\n"));
        assert!(ran.await.is_err(), "it has run");
        fresh.sandbox.destroy().await;
        let mut clone = place.clone_of(&template.sandbox, LIVES).await;
        assert_eq!(clone.end().await.0, "lives\n");
    });
}

/// What was still asked for when the server had gone is answered to nobody, and ends no clone; nor does it if the
/// template ends in that moment, of which nobody hears either.
pub(super) fn a_keeper_that_nobody_hears_stays_with_its_clones() {
    place::with(|place| async move {
        for template_ends in [false, true] {
            place.leave_a_keeper(template_ends).await;
        }
    });
}

impl Place {
    async fn leave_a_keeper(&self, template_ends: bool) {
        let before = self.traces().processes;
        let template = self.template("").await;
        let mut there = self.traces().processes.into_iter();
        let keeper = there.find(|pid| is_pid_1(pid) && !before.contains(pid));
        let keeper = process(keeper.expect("the template's pid 1"));
        let settled = process(only_child_of(keeper));
        let stays = "import time; time.sleep(60)";
        let clone = self.clone_of(&template.sandbox, stays).await;
        let fresh = self.fresh(&template.sandbox).await;
        kill_process(keeper, Signal::STOP).expect("stopped");
        let cloned = template.sandbox.clone_into(&fresh.sandbox, Vec::new());
        let cloned = tokio::time::timeout(Duration::from_millis(200), cloned);
        assert!(cloned.await.is_err(), "it is asked for and not made");
        drop(template);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if template_ends {
            kill_process(settled, Signal::KILL).expect("killed");
        }
        kill_process(keeper, Signal::CONT).expect("it goes on");
        let end = tokio::time::timeout(Duration::from_millis(200), clone.sandbox.event());
        assert!(end.await.is_err(), "a clone has ended");
        fresh.sandbox.destroy().await;
        clone.sandbox.destroy().await;
    }
}

fn process(pid: u32) -> Pid {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.expect("a process")
}

fn only_child_of(parent: Pid) -> u32 {
    let parent = parent.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    children
        .expect("children")
        .trim()
        .parse()
        .expect("one child")
}

fn is_pid_1(pid: &u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mut lines = status.lines();
    let numbers = lines.find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.ends_with("\t1"))
}

/// Forks without end, faster than anybody can look at each, and becomes a template meanwhile.
const BOMB: &str = r"
for _ in range(30):
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            try:
                if os.fork(): os._exit(0)
                if os.fork(): continue
            except OSError: pass
fork = os.fork
def insist():
    while True:
        try: return fork()
        except OSError: pass
os.fork = insist
";

pub(super) fn a_bomb_does_not_keep_a_template_from_an_end() {
    place::with(|place| async move {
        let before = place.traces();
        let inside = place.unsettled(BOMB).await;
        let event = tokio::time::timeout(Duration::from_secs(20), inside.sandbox.event());
        let event = event.await.expect("an end, whatever it is");
        if event == Event::Settled {
            let mut clone = place.clone_of(&inside.sandbox, LIVES).await;
            assert_eq!(clone.end().await.0, "lives\n");
            clone.sandbox.destroy().await;
        }
        let destroyed = tokio::time::timeout(Duration::from_secs(10), inside.sandbox.destroy());
        destroyed.await.expect("nothing keeps it");
        let after = place.traces();
        assert_eq!(
            (after.processes, after.groups),
            (before.processes, before.groups)
        );
    });
}
