"""Small server with the Materials Project's interface, for its real client."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from skcrystal.datasets import load_pbe_prototypes

KEY = "0123456789abcdefghijklmnopqrSTUV"
GNOME = "gnome_r2scan_statics"
RANGES = {"band_gap", "formation_energy_per_atom", "energy_above_hull"}
RANGES |= {"nsites", "nelements"}
FLAGS = {"is_metal", "is_stable", "theoretical", "deprecated"}
LISTS = {"material_ids", "formula", "chemsys", "elements", "exclude_elements"}
LISTS |= {"has_props"}
OTHERS = {"batch_id_not_eq", "_fields", "_limit", "_skip"}


def real_documents(n=60):
    """Summaries of shipped crystals, ids as they are given: old, and new in letters."""
    bunch = load_pbe_prototypes()
    rows = np.random.RandomState(0).permutation(len(bunch.data))[:n]
    documents = []
    for i, row in enumerate(rows):
        structure = bunch.data[row].copy(site_properties={})
        structure.add_site_property("magmom", [0.1 * i] * len(structure))
        energy, gap = bunch.target[row]
        elements = sorted(e.symbol for e in structure.composition)
        documents.append(
            {
                # Neither the order of numbers, nor that of letters
                "material_id": f"mp-{(i * 37) % 101 + 3}",
                "structure": structure.as_dict(),
                "formula_pretty": structure.composition.reduced_formula,
                "chemsys": "-".join(elements),
                "elements": elements,
                "nelements": len(elements),
                "nsites": len(structure),
                "formation_energy_per_atom": energy,
                "band_gap": None if i % 7 == 3 else gap,
                "energy_above_hull": abs(energy) / 10,
                "is_metal": None if i % 7 == 3 else bool(gap == 0),
                "is_stable": bool(energy < 0),
                "theoretical": i % 2 == 0,
                "deprecated": False,
                "bulk_modulus": {"voigt": 9.5, "reuss": 9, "vrh": i} if i % 5 else None,
                "has_props": ["elasticity"] if i % 5 else [],
                "batch_id": None,
            }
        )
    documents[1]["material_id"] = "mp-hilze"  # 3347530
    documents[2]["material_id"] = "mp-vwyxj"  # 9999999
    documents[3]["deprecated"] = True
    documents[4]["batch_id"] = GNOME
    return documents


class Server:
    """Answers as the server does, but for the `faults`.

    ``faults`` are those of the next requests for structures, one each: None, "broken",
    "page" (not JSON), an HTTP status, or a function that is called meanwhile.
    ``down`` is the status of all requests, if any.
    """

    def __init__(self, documents):
        self.documents, self.version = documents, "2026.10.1"
        self.faults, self.down = [], None
        self.asked, self.keys = [], set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path, query = urlsplit(self.path)[2:4]
                query = dict(parse_qsl(query))
                server.asked.append((path, query))
                status, answer = server.answer(path, query, self.headers)
                content = json.dumps(answer).encode()
                fault = None
                if "structure" in query.get("_fields", "") and server.faults:
                    fault = server.faults.pop(0)
                if fault == "page":
                    content = b"<html>Be back soon</html>"
                elif callable(fault):
                    fault()
                elif isinstance(fault, int):
                    status, content = fault, b"no"
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = len(content) // 2 if fault == "broken" else None
                self.wfile.write(content[:half])

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    @property
    def chunks(self):
        """How many ids each request for structures named."""
        asked = [query for _, query in self.asked if "material_ids" in query]
        return [
            len(query["material_ids"].split(","))
            for query in asked
            if "structure" in query["_fields"]
        ]

    def answer(self, path, query, headers):
        if self.down:
            return self.down, {"detail": "out of order"}
        if path == "/heartbeat":
            return 200, {
                "status": "OK",
                "version": "0.87.3",
                "db_version": self.version,
                "access_controlled_batch_ids": [GNOME],
            }
        assert path == "/materials/summary/"
        self.keys.add(headers.get("x-api-key"))
        if headers.get("x-api-key") != KEY:
            sent = headers.get("x-api-key")
            return 401, {"message": f"Invalid authentication credentials {sent}"}
        if sum(len(name) + len(value) + 2 for name, value in query.items()) > 8000:
            return 414, {"detail": "Request-URI Too Large"}
        if faulty := self.check(query):
            return 422, {"detail": [{"loc": ["query", faulty[0]], "msg": faulty[1]}]}
        found = [one for one in self.documents if matches(one, query)]
        first, limit = int(query.get("_skip", 0)), int(query["_limit"])
        fields = query["_fields"].split(",")
        data = [
            {name: one[name] for name in fields if name in one}
            for one in found[first : first + limit]
        ]
        return 200, {"data": data, "meta": {"total_doc": len(found)}}

    def check(self, query):
        ends = {f"{name}_{end}" for name in RANGES for end in ("min", "max")}
        for name in query.keys() - ends - FLAGS - LISTS - OTHERS:
            return name, "is unknown here"
        if len(query.get("exclude_elements", "")) > 60:
            return "exclude_elements", "String should have at most 60 characters"
        if int(query.get("_limit", 0)) > 1000:
            return "_limit", "is more than 1000"
        return None


def matches(document, query):
    """Whether a document is what the query asks for, as the server reads it."""
    query = {"deprecated": "False", **query}
    for name, given in query.items():
        several = given.split(",")
        if name.endswith(("_min", "_max")):
            value = document[name[:-4]]
            sign = 1 if name.endswith("_max") else -1
            fits = value is not None and sign * value <= sign * float(given)
        elif name in FLAGS:
            fits = str(document[name]) == given
        elif name in ("elements", "has_props"):
            fits = set(several) <= set(document[name])
        elif name == "exclude_elements":
            fits = not set(several) & set(document["elements"])
        elif name == "material_ids":
            fits = document["material_id"] in several
        elif name == "formula":
            fits = document["formula_pretty"] in several
        elif name == "chemsys":
            fits = document["chemsys"] in several
        elif name == "batch_id_not_eq":
            fits = document["batch_id"] != given
        else:
            continue
        if not fits:
            return False
    return True


@contextmanager
def serving(documents, monkeypatch):
    """A server, a key, and a client that asks it."""
    server = Server(documents)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MP_API_ENDPOINT", server.url)
    monkeypatch.setenv("MP_API_KEY", KEY)
    yield server
    server.stop()
