"""Programs that check certificates, one for each TLS stack that coding tools are built on.

Each is told to trust one root, by the variable its users would set, and to ask one host; names lead to loopback.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.trust.loopback import connect_proxy

Probe = Callable[[str, int, Path], str]
"""Ask `https://host/`, found on this port of loopback, trusting this root alone; give what the program said."""


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def _run(command: list[str], variables: Mapping[str, str], stdin: str = "") -> str:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "LANG") if name in os.environ}
    done = subprocess.run(
        command,
        env={**environment, **variables},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{done.returncode}: {done.stdout}{done.stderr}"


@functools.cache
def _workshop() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="isartor-probes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def python(host: str, port: int, root: Path) -> str:
    """Python's `ssl` (OpenSSL), with the strict checks that are its default from 3.13 on."""
    context = ssl.create_default_context(cafile=str(root))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=host) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return connection.recv(100).decode()
    except ssl.SSLError as error:
        return str(error)


def curl(host: str, port: int, root: Path) -> str:
    """curl (OpenSSL here)."""
    there = f"{host}:443:127.0.0.1:{port}"
    command = [_need("curl"), "-sSv", "-m", "20", "--noproxy", "*", "--connect-to", there, f"https://{host}/"]
    return _run(command, {"CURL_CA_BUNDLE": str(root)})


_NODE = """
const [host, port] = process.argv.slice(1);
const found = [{address: "127.0.0.1", family: 4}];
const lookup = (name, options, done) => options.all ? done(null, found) : done(null, found[0].address, 4);
require("https").get({host, port, lookup, path: "/"}, (reply) => { console.log(reply.statusCode); reply.resume(); })
  .on("error", (error) => { console.log(String(error)); process.exit(1); });
"""


def node(host: str, port: int, root: Path) -> str:
    """Node (its own OpenSSL)."""
    return _run([_need("node"), "-e", _NODE, host, str(port)], {"NODE_EXTRA_CA_CERTS": str(root)})


def rustls(host: str, port: int, root: Path) -> str:
    """uv, which is built on rustls."""
    variables = {
        "SSL_CERT_FILE": str(root),
        "UV_HTTP_RETRIES": "0",
        "UV_HTTP_TIMEOUT": "10",
        "UV_PYTHON": sys.executable,
    }
    command = [
        _need("uv"),
        "pip",
        "compile",
        "--no-cache",
        "--no-config",
        "--default-index",
        f"https://{host}/simple",
        "-",
    ]
    with connect_proxy(port) as proxy:
        return _run(command, {**variables, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy}, "anything\n")


_GO = """
package main

import ("crypto/tls"; "fmt"; "os")

func main() {
	connection, err := tls.Dial("tcp", "127.0.0.1:" + os.Args[2], &tls.Config{ServerName: os.Args[1]})
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Fprint(connection, "GET / HTTP/1.1\\r\\n\\r\\n")
	answer := make([]byte, 100)
	count, _ := connection.Read(answer)
	fmt.Println(string(answer[:count]))
}
"""


@functools.cache
def _go_program(go: str) -> str:
    folder = _workshop() / "go"
    folder.mkdir()
    (folder / "probe.go").write_text(_GO)
    program = folder / "probe"
    built = _run(
        [go, "build", "-o", str(program), str(folder / "probe.go")],
        {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "off", "CGO_ENABLED": "0"},
    )
    assert built.startswith("0:"), built
    return str(program)


def go(host: str, port: int, root: Path) -> str:
    """Go's `crypto/tls`."""
    program = _go_program(_need("go"))
    nowhere = str(root.parent / "no-such-folder")
    return _run([program, host, str(port)], {"SSL_CERT_FILE": str(root), "SSL_CERT_DIR": nowhere})


_JAVA = """
import javax.net.ssl.*;
public class Probe {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
    java.net.Socket raw = new java.net.Socket("127.0.0.1", port);
    try (SSLSocket socket = (SSLSocket) factory.createSocket(raw, args[0], port, true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.getOutputStream().write("GET / HTTP/1.1\\r\\n\\r\\n".getBytes());
      System.out.println(new String(socket.getInputStream().readNBytes(20)));
    }
  }
}
"""


@functools.cache
def _java_program(compiler: str) -> str:
    folder = _workshop() / "java"
    folder.mkdir()
    (folder / "Probe.java").write_text(_JAVA)
    built = _run([compiler, "-d", str(folder), str(folder / "Probe.java")], {})
    assert built.startswith("0:"), built
    return str(folder)


def java(host: str, port: int, root: Path) -> str:
    """Java's JSSE, whose validator does not look at a trusted root's own constraints."""
    program, keytool = _java_program(_need("javac")), _need("keytool")
    store = root.with_suffix(".p12")
    if not store.exists():
        secret = ["-storetype", "PKCS12", "-storepass", "changeit", "-noprompt"]
        made = _run(
            [keytool, "-importcert", "-alias", "root", "-file", str(root), "-keystore", str(store), *secret], {}
        )
        assert made.startswith("0:"), made
    trust = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    return _run([_need("java"), *trust, "-cp", program, "Probe", host, str(port)], {})


def gnutls(host: str, port: int, root: Path) -> str:
    """git where it is built on GnuTLS (Debian, Ubuntu)."""
    git = _need("git")
    remote = Path(_run([git, "--exec-path"], {}).removeprefix("0:").strip()) / "git-remote-https"
    linked = _run([_need("ldd"), str(remote)], {}) if remote.exists() else ""
    if "gnutls" not in linked:
        pytest.skip("git is not built on GnuTLS here")
    with connect_proxy(port) as proxy:
        command = [git, "-c", f"http.proxy={proxy}", "ls-remote", f"https://{host}/nothing.git"]
        return _run(command, {"GIT_SSL_CAINFO": str(root), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"})


PROBES: Mapping[str, Probe] = {
    "python": python,
    "curl": curl,
    "node": node,
    "rustls": rustls,
    "go": go,
    "java": java,
    "gnutls": gnutls,
}
