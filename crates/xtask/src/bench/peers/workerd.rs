//! workerd with the same handler as a worker.

use std::process::Command;
use std::time::Duration;

use super::Serving;
use super::install::Folders;
use super::running::{Running, free_address};

const READY: Duration = Duration::from_secs(10);
const WORKER: &str = "export default { async fetch(request) { \
    const event = await request.json(); return Response.json({ ok: true, n: event.n }); } };";

pub(super) fn start(folders: &Folders) -> anyhow::Result<Serving> {
    let project = folders.project("workerd")?;
    let address = free_address()?;
    let configuration = format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n\
           services = [(name = \"main\", worker = .hello)],\n\
           sockets = [(name = \"http\", address = \"{address}\", http = (), service = \"main\")]\n\
         );\n\
         const hello :Workerd.Worker = (\n\
           modules = [(name = \"worker\", esModule = embed \"worker.js\")],\n\
           compatibilityDate = \"2025-01-01\"\n\
         );\n"
    );
    std::fs::write(project.join("worker.js"), WORKER)?;
    std::fs::write(project.join("config.capnp"), configuration)?;
    let program = folders
        .modules()
        .join("@cloudflare/workerd-linux-64/bin/workerd");
    let mut command = Command::new(program);
    command
        .current_dir(&project)
        .args(["serve", "config.capnp"]);
    let mut running = Running::start(&mut command, &project.join("log"))?;
    running.wait_listening(address, READY)?;
    Ok(Serving {
        name: "workerd",
        path: "/".to_owned(),
        address,
        _running: running,
    })
}
