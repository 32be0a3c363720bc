//! What the window's page may call. A command parses, sends and replies; the
//! console owns and decides.

use tauri::State;
use tauri::ipc::Channel;
use vidimus_console::FrontId;
use vidimus_console::view::{Command, Problem, Reply, Told};

use crate::shell::Desk;

#[tauri::command]
pub(crate) async fn console_command(
    desk: State<'_, Desk>,
    gateway: String,
    command: Command,
) -> Result<Reply, Problem> {
    desk.console
        .command(&gateway, command, &FrontId::Desktop)
        .await
}

/// Pushes events into the channel until the page listens anew.
#[tauri::command]
pub(crate) fn console_events(desk: State<'_, Desk>, channel: Channel<Told>) {
    let mut events = desk.console.subscribe(FrontId::Desktop);
    desk.listens(async move {
        while let Some(event) = events.next().await {
            if let Err(error) = channel.send(event) {
                tracing::warn!("the window no longer listens: {error}");
                return;
            }
        }
    });
    desk.page_listens();
}
