/* SPDX-License-Identifier: MIT
 * Checks manifests (a JSON array on standard input) against the types of the Kubernetes API: the
 * schema of each kind, and, as `kubectl apply --validate=strict` does, that no field is unknown.
 *
 * usage: node schema.js FOLDER/node_modules    prints one line for each fault, and its status is 1
 */
"use strict";
const fs = require("fs");
const path = require("path");
const modules = path.resolve(process.argv[2]);
const faults = [];
const interfaces = new Map(); /* file -> name -> {fields, imports} */

/* The fields of the interfaces in one .d.ts file. Their types are a name, Array<name>, an object
 * with any keys ({ [key: string]: ... }) or something plain. */
function readTypes(file)
{
	if (interfaces.has(file))
		return interfaces.get(file);
	const text = fs.readFileSync(file, "utf8");
	const types = new Map(), imports = new Map();
	for (const [, names, from] of text.matchAll(/import \{ ([^}]*) \} from "([^"]*)"/g))
		for (const name of names.split(", "))
			imports.set(name.split(" as ").pop(), from);
	for (const [, name, body] of text.matchAll(/^export interface (\w+)[^{]*\{\n(.*?)^\}/gms)) {
		const fields = new Map();
		for (const [, key, type] of body.matchAll(/^    "([^"]+)"\??: ((?:Array<)?\{\n.*?^    \}>?|[^\n]*?);$/gms))
			fields.set(key, type);
		types.set(name, fields);
	}
	/* `export { IDeployment as IIoK8sApiAppsV1Deployment, ...`: the names that others import. */
	for (const [, names] of text.matchAll(/^export \{ (.*) \};?$/gm))
		for (const pair of names.split(", ")) {
			const [own, other] = pair.split(" as ");
			if (types.has(own) && other)
				types.set(other, types.get(own));
		}
	const read = {types, imports};
	interfaces.set(file, read);
	return read;
}

function resolve(file, from)
{
	return (from.startsWith(".") ? path.join(path.dirname(file), from) : path.join(modules, from)) +
	       ".d.ts";
}

function walk(value, type, file, where)
{
	const {types, imports} = readTypes(file);
	const list = /^Array<(.*)>$/.exec(type);
	if (list) {
		if (Array.isArray(value))
			value.forEach((one, i) => walk(one, list[1], file, `${where}[${i}]`));
		return;
	}
	if (types.has(type)) {
		if (value === null || typeof value !== "object")
			return; /* the schema says what it thinks of that */
		const fields = types.get(type);
		for (const key of Object.keys(value)) {
			if (!fields.has(key))
				faults.push(`${where}: unknown field "${key}"`);
			else
				walk(value[key], fields.get(key), file, `${where}.${key}`);
		}
	} else if (imports.has(type)) {
		const from = resolve(file, imports.get(type));
		if (fs.existsSync(from) && readTypes(from).types.has(type))
			walk(value, type, from, where);
	}
}

function check(manifest)
{
	const name = `${manifest.kind}/${manifest.metadata && manifest.metadata.name}`;
	const group = manifest.apiVersion.includes("/") ? manifest.apiVersion : `v1`;
	const file = path.join(modules, "kubernetes-models", group, `${manifest.kind}.js`);
	if (!fs.existsSync(file)) {
		faults.push(`${name}: no such kind: ${manifest.apiVersion} ${manifest.kind}`);
		return;
	}
	try {
		new (require(file)[manifest.kind])(manifest).validate();
	} catch (error) {
		faults.push(`${name}: ${error.message}`);
	}
	walk(manifest, `I${manifest.kind}`, file.replace(/\.js$/, ".d.ts"), name);
}

JSON.parse(fs.readFileSync(0, "utf8")).forEach(check);
faults.forEach((fault) => console.log(fault));
process.exit(faults.length > 0 ? 1 : 0);
