//! HTTP and WebSocket client of the gateway, with a resumable feed.
