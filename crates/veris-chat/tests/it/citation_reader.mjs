// What a reader does with a document in the chat page. Arguments: the page's URL, the browser, the folder of playwright-core, the document's URL.
import { createRequire } from "node:module";

const [url, executablePath, packages, document] = process.argv.slice(2);
const { chromium } = createRequire(packages + "/")("playwright-core");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 360, height: 640 } });
context.setDefaultTimeout(60_000);
const page = await context.newPage();

await page.goto(url);
await page.locator("#documents summary").click();
await page.getByLabel("Addresses of PDF documents").fill(document);
await page.getByLabel("Message").fill("What do dogs guard?");
await page.keyboard.press("Enter");
const citation = page.locator("article.assistant p").getByRole("link", { name: "animals.pdf (p.2)" });
await citation.waitFor();
await page.getByRole("button", { name: "Send" }).waitFor();
console.log("answer:", await page.locator("article.assistant > div").innerText());

const asked = context.waitForEvent("request", (request) => request.url() === document);
await citation.click();
console.log("a click asks for:", new URL((await asked).url()).pathname);
console.log("the conversation stays:", await page.locator("article").count(), "articles");
await browser.close();
