"""What watches the gateway and is never in its way: metrics, health, the HTTP pages that show them, systemd."""
