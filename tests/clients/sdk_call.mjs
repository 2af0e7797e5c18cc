// One call of a Node SDK at its own default address: `node sdk_call.mjs KIND PROMPT`. SDKs are found in $SDK_FOLDER.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [kind, prompt] = process.argv.slice(2);
const [OPENAI, ANTHROPIC, GEMINI] = ["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash"];
const messages = [{ role: "system", content: "Be terse." }, { role: "user", content: prompt }];

// `import` of an installed package from outside its folder: what its `exports` name for programs like this one.
async function sdk(name) {
  const folder = `${process.env.SDK_FOLDER}/node_modules/${name}`;
  const { exports, main } = JSON.parse(readFileSync(`${folder}/package.json`));
  const pick = (entry) => (typeof entry === "string" ? entry : pick(entry.node ?? entry.import ?? entry.default));
  const entry = exports ? pick(exports["."] ?? exports) : main;
  return import(pathToFileURL(`${folder}/${entry}`).href);
}

async function joined(stream, text) {
  let all = "";
  for await (const event of stream) all += text(event) ?? "";
  return all;
}

const calls = {
  async "openai/chat"() {
    const client = new (await sdk("openai")).default({ maxRetries: 0 });
    return (await client.chat.completions.create({ model: OPENAI, messages })).choices[0].message.content;
  },
  async "openai/chat-stream"() {
    const client = new (await sdk("openai")).default({ maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: OPENAI, messages, stream: true });
    return joined(stream, (chunk) => chunk.choices[0]?.delta?.content);
  },
  async "openai/responses"() {
    const client = new (await sdk("openai")).default({ maxRetries: 0 });
    return (await client.responses.create({ model: OPENAI, input: prompt })).output_text;
  },
  async "openai/responses-stream"() {
    const client = new (await sdk("openai")).default({ maxRetries: 0 });
    const stream = await client.responses.create({ model: OPENAI, input: prompt, stream: true });
    return joined(stream, (event) => (event.type === "response.output_text.delta" ? event.delta : ""));
  },
  async "anthropic/messages"() {
    const client = new (await sdk("@anthropic-ai/sdk")).default({ maxRetries: 0 });
    const body = { model: ANTHROPIC, max_tokens: 200, messages: messages.slice(1) };
    return (await client.messages.create(body)).content[0].text;
  },
  async "anthropic/stream"() {
    const client = new (await sdk("@anthropic-ai/sdk")).default({ maxRetries: 0 });
    const body = { model: ANTHROPIC, max_tokens: 200, messages: messages.slice(1) };
    return (await client.messages.stream(body).finalMessage()).content[0].text;
  },
  async "genai/generate"() {
    const client = new (await sdk("@google/genai")).GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
    return (await client.models.generateContent({ model: GEMINI, contents: prompt })).text;
  },
  async "genai/stream"() {
    const client = new (await sdk("@google/genai")).GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
    return joined(await client.models.generateContentStream({ model: GEMINI, contents: prompt }), (chunk) => chunk.text);
  },
  async "ai/generate"() {
    const [{ generateText }, { openai }] = [await sdk("ai"), await sdk("@ai-sdk/openai")];
    return (await generateText({ model: openai(OPENAI), prompt, maxRetries: 0 })).text;
  },
  async "ai/stream"() {
    const [{ streamText }, { openai }] = [await sdk("ai"), await sdk("@ai-sdk/openai")];
    return joined(streamText({ model: openai(OPENAI), prompt, maxRetries: 0 }).textStream, (text) => text);
  },
};

console.log(await calls[kind]());
