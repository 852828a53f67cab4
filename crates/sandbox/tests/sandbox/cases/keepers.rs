//! What hangs or is not as it should be, on the way of a clone: nobody waits for it for long, and nobody else misses
//! anything.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lambkin_sandbox::{Event, Exit};
use rustix::process::{Pid, Signal, kill_process};

use crate::outside::wait;
use crate::place::{self, Inside, Place};

const LIVES: &str = "print('lives')\nprint('=end=')";
const STAYS: &str = "import time; time.sleep(60)";

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

/// A clone's end is told though its template ends in that moment, which is looked at first, and though nobody hears
/// of that.
pub(super) fn who_ends_together_with_its_template_is_told_of() {
    place::with(|place| async move {
        for template_is_heard in [true, false] {
            place.end_together(template_is_heard).await;
        }
    });
}

impl Place {
    async fn template_and_keeper(&self) -> (Inside, Pid) {
        let before = self.traces().processes;
        let template = self.template("").await;
        let mut there = self.traces().processes.into_iter();
        let keeper = there.find(|pid| is_pid_1(pid) && !before.contains(pid));
        (template, process(keeper.expect("the template's pid 1")))
    }

    async fn end_together(&self, template_is_heard: bool) {
        let (template, keeper) = self.template_and_keeper().await;
        let clones = [
            self.clone_of(&template.sandbox, STAYS).await,
            self.clone_of(&template.sandbox, STAYS).await,
        ];
        // The template, and its clones in the order in which they have come.
        let ends = [Signal::KILL, Signal::TERM, Signal::INT];
        wait(Duration::from_secs(2), "no other is left", || {
            children_of(keeper).len() == ends.len()
        });
        let children = children_of(keeper);
        kill_process(keeper, Signal::STOP).expect("stopped");
        let heard = template_is_heard.then_some(template);
        tokio::time::sleep(Duration::from_millis(50)).await;
        for (child, end) in children.iter().zip(ends) {
            kill_process(process(*child), end).expect("killed");
        }
        wait(Duration::from_secs(2), "all have ended", || {
            children.iter().all(has_ended)
        });
        kill_process(keeper, Signal::CONT).expect("it goes on");
        for (clone, end) in clones.into_iter().zip([Signal::TERM, Signal::INT]) {
            let told = tokio::time::timeout(Duration::from_secs(2), clone.sandbox.event());
            let told = told.await.expect("its end is told");
            assert_eq!(told, Event::Exited(Exit::Signal(end.as_raw())));
            clone.sandbox.destroy().await;
        }
        if let Some(template) = heard {
            let told = template.sandbox.event().await;
            assert_eq!(told, Event::Exited(Exit::Signal(Signal::KILL.as_raw())));
        }
    }

    async fn leave_a_keeper(&self, template_ends: bool) {
        let (template, keeper) = self.template_and_keeper().await;
        let [settled] = children_of(keeper)[..] else {
            panic!("the template has company");
        };
        let settled = process(settled);
        let clone = self.clone_of(&template.sandbox, STAYS).await;
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

/// The eldest first.
fn children_of(parent: Pid) -> Vec<u32> {
    let parent = parent.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.expect("children");
    let numbers = children.split_whitespace();
    numbers
        .map(|number| number.parse().expect("a number"))
        .collect()
}

/// And waits for its parent to look.
fn has_ended(pid: &u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    status.contains("\nState:\tZ")
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
