// What a reader of the chat page sees, on a telephone's screen. Arguments: the page's URL, the browser, the folder of playwright-core.
import { createRequire } from "node:module";

const [url, executablePath, packages] = process.argv.slice(2);
const { chromium } = createRequire(packages + "/")("playwright-core");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 360, height: 640 }, hasTouch: true });
page.setDefaultTimeout(60_000);
const problems = [], requests = new Set();
page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
page.on("pageerror", (error) => problems.push(String(error)));
page.on("request", (request) => requests.add(new URL(request.url()).origin));

await page.goto(url);
console.log("title:", await page.title(), "| focus:", await page.evaluate(() => document.activeElement.id));

await page.keyboard.type("First question");
await page.keyboard.press("Enter");
await page.getByText("Sources say").waitFor();
await page.getByRole("button", { name: "Send" }).waitFor();
console.log("question:", await page.locator("article.user").innerText());
console.log("answer:", await page.locator("article.assistant > div").innerHTML());

await page.getByLabel("Message").fill("Second question");
await page.getByRole("button", { name: "Send" }).tap();
await page.getByText("It goes on").waitFor();
await page.getByRole("button", { name: "Stop" }).tap();
console.log("stopped:", await page.locator(".note").filter({ hasText: "Stopped." }).innerText());

await page.getByLabel("Message").fill("Third question");
await page.keyboard.press("Enter");
await page.getByText("And on").waitFor();
await page.keyboard.press("Escape");
await page.locator(".note").filter({ hasText: "Stopped." }).nth(1).waitFor();
console.log("stopped by keyboard");

await page.getByLabel("Message").fill("Fourth question");
await page.keyboard.press("Enter");
console.log("refused:", await page.locator(".wrong").innerText());

console.log("fits:", await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
await page.getByRole("button", { name: "New conversation" }).tap();
console.log("articles after a new conversation:", await page.locator("article").count());

await page.goto(url + "docs");
await page.getByText("POST /chat/stream/").waitFor();
console.log("documented:", await page.locator("h2").count(), "operations");

// A refused chat is an error of the network to the browser, and it says so in its console.
const unexpected = problems.filter((problem) => !problem.includes("429"));
console.log("problems:", unexpected.length ? unexpected : "none", "| other origins:", requests.size - 1);
await browser.close();
