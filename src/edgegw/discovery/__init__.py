"""Home Assistant MQTT discovery as a source of devices: what a device says about itself, and the profile that comes of it."""
