// Bundles the packages of package.json into app/studio/ncco_studio/console/static/vendor, with the list of their sources and licences.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const VENDOR = "../app/studio/ncco_studio/console/static/vendor";
const AXE = "../tests/system/studio/console/axe";

rmSync(VENDOR, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ["codemirror.js", "htmx.js"],
  outdir: VENDOR,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none", // licences.txt has them whole
  charset: "utf8",
  metafile: true,
});

/** The folder of a package's file, as in `node_modules/@codemirror/view`. */
const folder = (file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
const licence = (path) => readFileSync(join(path, readdirSync(path).find((name) => /^licen[cs]e/i.test(name))), "utf8");

const licences = new Map();
const sources = Object.entries(metafile.outputs).map(([path, { inputs }]) => {
  const packages = [...new Set(Object.keys(inputs).map(folder).filter(Boolean))].sort().map((at) => {
    const { name, version, license } = JSON.parse(readFileSync(join(at, "package.json"), "utf8"));
    licences.set(`${name} ${version}`, licence(at));
    return { name, version, licence: license };
  });
  return { file: path.slice(VENDOR.length + 1), sha256: createHash("sha256").update(readFileSync(path)).digest("hex"), packages };
});
writeFileSync(join(VENDOR, "sources.json"), JSON.stringify(sources, null, 2) + "\n");
writeFileSync(join(VENDOR, "licences.txt"), [...licences].map(([name, text]) => `== ${name}\n\n${text.trim()}\n`).join("\n"));

mkdirSync(AXE, { recursive: true });
for (const name of ["axe.min.js", "LICENSE"]) copyFileSync(join("node_modules/axe-core", name), join(AXE, name));
