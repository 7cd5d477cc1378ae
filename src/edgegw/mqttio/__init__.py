"""MQTT as an asyncio session on paho-mqtt, shared by the device side and the upstream side."""

from edgegw.mqttio.options import MqttOptions, Will
from edgegw.mqttio.session import MqttSession
from edgegw.mqttio.wire import Incoming

__all__ = ["Incoming", "MqttOptions", "MqttSession", "Will"]
