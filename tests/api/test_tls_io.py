"""The API over HTTPS."""

import ssl
import subprocess

import aiohttp
import pytest

from edgegw.errors import ConfigError
from edgegw.tls import client_context, server_context
from tests.api.fakes import make_token, serving


@pytest.fixture
def certificate(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    asked = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
    ]  # fmt: skip
    subprocess.run(asked, check=True, capture_output=True)
    return str(cert), str(key)


async def test_https(backend, path, certificate):
    cert, key = certificate
    secret = make_token(path, "read")
    async with serving(backend, path, tls=server_context(cert, key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as http,
            http.get(f"{server.url}/api/v1/doors", ssl=client_context(ca=cert)) as reply,
        ):
            assert reply.status == 200
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientError):
                await http.get(server.url.replace("https", "http"))


def test_a_certificate_that_cannot_be_used(tmp_path, certificate):
    assert isinstance(server_context(*certificate), ssl.SSLContext)
    with pytest.raises(ConfigError) as caught:
        server_context(str(tmp_path / "none.pem"))
    assert caught.value.reason == "tls"
