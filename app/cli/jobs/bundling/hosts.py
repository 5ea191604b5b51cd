"""What web hosts must be told to serve a bundle as Vonage wants it: JSON, by GET, within a second or two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

README: Final = """# What callers hear while the server is away

Written by `ncco bundle`; write it anew whenever the flows change, and put it up again.

Vonage asks the fallback URL of an application when the answer URL gives no NCCO. Put this folder on a web host that
does not fall together with the server (another provider, another name server) and enter at Vonage, in the Voice
capability:

| fallback URL | says |
|---|---|
| `https://HOST/all.json` | one NCCO for every number |
| `https://HOST/numbers/NUMBER.json` | the NCCO of one number, for an application that has this number alone |
| `https://HOST/default.json` | that of a number which no flow names |
| `https://HOST/fallback` | the NCCO of the number that was called: with nginx.conf or Caddyfile, by GET |
| `https://HOST/webhooks/fallback` | what the server says, and while it is away the same: with nginx.conf |

`index.json` names the file of each number and of each flow.

- Set the method of the fallback URL to **GET**: most static hosts answer POST with 405, which ends the call.
- The content type must be `application/json`; `text/html` is refused. `_headers` says so to Netlify and Cloudflare
  Pages, `nginx.conf` and `Caddyfile` to your own. GitHub Pages and S3 take it from the ending `.json`.
- No redirects, no login, a certificate of a public authority with its whole chain.
- By GET the number of the caller stands in the URL, and so in the log of the web host: switch that log off.
- The files are public. They hold what callers hear, and the numbers that they are put through to.
- An application has one fallback URL, and the server's own `/webhooks/fallback` goes on where a running call was, which
  no file can. To have both, enter `https://HOST/webhooks/fallback` of a host with nginx.conf: it asks the server first.

Try it: `curl -i 'https://HOST/all.json?to=442079460000&from=447700900123'`, and `ncco validate all.json`.
"""

HEADERS: Final = """/*
  Content-Type: application/json
  Cache-Control: public, max-age=60
  X-Robots-Tag: noindex
"""

NGINX: Final = """# Beside `server { ... }`: a number that was called, and nothing else, may choose a file.
map $arg_to $ncco_number {
    "~^[0-9]{5,15}$" $arg_to;
    default          "";
}

# Inside `server { ... }`. The bundle lies in /srv/ncco.
root /srv/ncco;
types { application/json json; }
default_type application/json;
access_log off;                  # by GET the URL holds the number of the caller
error_page 405 =200 $uri;        # a file answers no POST

location / {
    try_files $uri =404;
}
location = /fallback {
    try_files /numbers/$ncco_number.json /default.json;
}

# The server first, which goes on where the call was; the files when it does not answer. Put its name in place of
# calls.example.com, and a name server of this host (/etc/resolv.conf has it) in place of 127.0.0.53. The name is looked
# up while nginx runs: it starts, and serves the files, when nobody knows the name. Vonage waits 1 second for a
# connection and 5 for an answer.
resolver 127.0.0.53 valid=30s ipv6=off;
resolver_timeout 800ms;

location = /webhooks/fallback {
    set $ncco_server https://calls.example.com;
    proxy_pass $ncco_server;
    proxy_ssl_server_name on;
    proxy_set_header Host calls.example.com;
    proxy_connect_timeout 800ms;
    proxy_read_timeout 3s;
    proxy_next_upstream off;
    proxy_intercept_errors on;
    error_page 401 404 429 500 502 503 504 =200 /away?to=$ncco_number;
}
location = /away {
    internal;
    try_files /numbers/$ncco_number.json /default.json;
}
"""

CADDY: Final = """# The bundle lies in /srv/ncco. Put the name of the host in place of HOST.
HOST {
	root * /srv/ncco
	method GET
	header Content-Type application/json
	@fallback path /fallback
	handle @fallback {
		@known expression `{query.to}.matches("^[0-9]{5,15}$")`
		rewrite @known /numbers/{query.to}.json
		try_files {path} /default.json
		file_server
	}
	handle {
		file_server
	}
}
"""

FILES: Final[Mapping[str, str]] = {
    "README.md": README,
    "_headers": HEADERS,
    "nginx.conf": NGINX,
    "Caddyfile": CADDY,
}
