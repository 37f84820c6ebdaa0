// Checks pages by axe-core at the widths of a desk and of a phone, light and dark:
//   node accessibility.js CHROMIUM PAGE.html ...
// Prints JSON: of each page and way of looking the violations, requests to anywhere else, and overflow.
const fs = require("fs");
const { chromium } = require("playwright-core");

const WAYS = [
  { width: 1280, height: 800, colorScheme: "light" },
  { width: 768, height: 1024, colorScheme: "dark" },
  { width: 390, height: 844, colorScheme: "dark", isMobile: true },
];

(async () => {
  const [executablePath, ...pages] = process.argv.slice(2);
  const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const found = [];
  for (const page of pages) {
    for (const { width, height, ...look } of WAYS) {
      const context = await browser.newContext({ viewport: { width, height }, ...look });
      const tab = await context.newPage();
      const outside = [];
      const errors = [];
      tab.on("request", (request) => /^(file|data|blob):/.test(request.url()) || outside.push(request.url()));
      tab.on("pageerror", (error) => errors.push(error.message));
      await tab.goto(`file://${page}`);
      await tab.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
      await tab.evaluate(axe);
      const { violations } = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      found.push({
        page,
        width,
        outside,
        errors,
        overflow,
        violations: violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ html }) => html.slice(0, 200)) })),
      });
      await context.close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(found));
})();
