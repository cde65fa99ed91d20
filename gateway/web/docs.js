// SPDX-License-Identifier: MIT
// Shows /openapi.json. Text only ever goes in as text, so nothing in the document can become code.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function resolve(api, thing) {
  if (!thing || !thing.$ref) return thing || {};
  const found = thing.$ref.slice(2).split("/").reduce((at, key) => at[key], api);
  return { ...found, ...(thing.description ? { description: thing.description } : {}) };
}

function typeText(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeText).join(" or ");
  const types = [].concat(schema.type || "any");
  const names = schema.enum || schema["x-extensible-enum"];
  if (names) return names.map((name) => JSON.stringify(name)).join(", ");
  return types.map((type) =>
    type === "array" ? `list of ${typeText(schema.items || {})}` : type).join(" or ");
}

function limitsText(schema) {
  const said = [];
  const inner = schema.items || schema;
  if (inner.format) said.push(inner.format);
  if (inner.pattern) said.push(inner.pattern);
  if (inner.minLength !== undefined || inner.maxLength !== undefined)
    said.push(`${inner.minLength || 0} to ${inner.maxLength || "any"} characters`);
  if (inner.minimum !== undefined) said.push(`${inner.minimum} to ${inner.maximum}`);
  if (schema.maxItems) said.push(`at most ${schema.maxItems} items`);
  if (schema.uniqueItems) said.push("all different");
  if (schema.description) said.push(schema.description);
  return said.join("; ");
}

function table(rows) {
  return element("table", {}, ...rows.map(([name, type, note]) => element("tr", {},
    element("td", {}, element("code", {}, name)), element("td", {}, type),
    element("td", { class: "note" }, note))));
}

function propertyRows(api, schema) {
  const object = resolve(api, schema);
  const required = new Set(object.required || []);
  return Object.entries(object.properties || {}).map(([name, property]) =>
    [name, typeText(property), limitsText(property) +
      (object.additionalProperties === false && required.has(name) ? " (required)" : "")]);
}

function section(title, ...content) {
  return content.length ? [element("h3", {}, title), ...content] : [];
}

function contents(api, content) {
  return Object.entries(content || {}).flatMap(([type, media]) => [
    element("p", { class: "note" }, type, media.schema && media.schema.$ref ?
      `: ${typeText(media.schema)}` : ""),
    ...(media.schema && type === "application/json" ?
      [table(propertyRows(api, media.schema))] : []),
    ...(media["x-events"] ?
      [table(Object.entries(media["x-events"]).map(([name, data]) => [name, typeText(data), ""]))] :
      [])]);
}

function operation(api, path, method, call) {
  const parameters = (call.parameters || []).map((parameter) => resolve(api, parameter));
  const rows = parameters.map((parameter) => [parameter.name,
    `${parameter.in}, ${typeText(parameter.schema)}`,
    [parameter.description, limitsText(parameter.schema)].filter(Boolean).join("; ") +
      (parameter.required ? " (required)" : "")]);
  const answers = Object.entries(call.responses).filter(([status]) => status.startsWith("2"));
  const failures = Object.entries(call.responses).filter(([status]) => !status.startsWith("2"));
  return element("details", { "data-text": `${method} ${path} ${call.summary}`.toLowerCase() },
    element("summary", {}, element("code", { class: "method" }, method.toUpperCase()),
      element("code", {}, path), element("span", { class: "summary" }, call.summary)),
    element("div", {},
      element("p", { class: "note" }, call.security ? "No session needed." :
        "Needs a session."),
      ...(rows.length ? section("Parameters", table(rows)) : []),
      ...(call.requestBody ? section("Body", ...contents(api, call.requestBody.content)) : []),
      ...answers.flatMap(([status, answer]) =>
        section(`Answer ${status}: ${answer.description}`, ...contents(api, answer.content),
          "")),
      ...section("Otherwise", table(failures.map(([status, answer]) =>
        [status, resolve(api, answer).description, ""])))));
}

function show(api) {
  const calls = document.getElementById("calls");
  calls.replaceChildren();
  for (const tag of api.tags) {
    const list = Object.entries(api.paths).flatMap(([path, methods]) =>
      METHODS.filter((method) => methods[method] && methods[method].tags.includes(tag.name))
        .map((method) => operation(api, path, method, methods[method])));
    calls.append(element("section", {}, element("h2", {}, tag.name), ...list));
  }
  const schemas = Object.keys(api.components.schemas).map((name) =>
    element("details", { "data-text": name.toLowerCase() },
      element("summary", {}, element("code", {}, name)),
      element("div", {}, table(propertyRows(api, api.components.schemas[name])))));
  calls.append(element("section", {}, element("h2", {}, "Objects"), ...schemas));
}

function filter(word) {
  for (const entry of document.querySelectorAll("details"))
    entry.hidden = !entry.dataset.text.includes(word.trim().toLowerCase());
}

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((api) => {
    show(api);
    document.getElementById("filter").addEventListener("input", (event) =>
      filter(event.target.value));
  })
  .catch((error) => {
    document.getElementById("calls").textContent = `The description cannot be read: ${error}`;
  });
