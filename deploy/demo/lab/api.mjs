// The collector's REST API as the demonstration uses it: over HTTPS, trusting only the collector's own CA.

import { readFileSync } from "node:fs";
import https from "node:https";

function parse(response, text) {
  return (response.headers["content-type"] ?? "").includes("json") ? JSON.parse(text) : text;
}

export class Api {
  #base;
  #ca;
  #token;

  constructor(state) {
    this.#base = new URL(`https://${state.api}`);
    this.#ca = readFileSync(state.ca);
  }

  static async login(state) {
    const api = new Api(state);
    const session = await api.call("POST", "/api/v1/session", { name: state.account, password: state.password });
    api.#token = session.token;
    return api;
  }

  call(method, path, body) {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = { accept: "application/json" };
    if (payload !== undefined) headers["content-type"] = "application/json";
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    return new Promise((resolve, reject) => {
      const request = https.request(new URL(path, this.#base), { method, headers, ca: this.#ca, timeout: 10000 }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part) => (text += part));
        response.on("end", () => {
          if (response.statusCode >= 200 && response.statusCode < 300) resolve(parse(response, text));
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`));
        });
      });
      request.on("timeout", () => request.destroy(new Error("10 s 内无应答 / no answer within 10 s")));
      request.on("error", reject);
      request.end(payload);
    });
  }

  async incidents() {
    const list = [];
    for (let cursor = ""; ; ) {
      const page = await this.call("GET", `/api/v1/incidents?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      list.push(...page.incidents);
      if (!page.next_cursor) return list;
      cursor = page.next_cursor;
    }
  }

  incident(id) {
    return this.call("GET", `/api/v1/incidents/${id}`);
  }
}
