const PNG = 'iVBORw=='
const PDF = 'JVBERg=='
const SCHEMA = { type: 'OBJECT', properties: { a: { type: 'STRING', nullable: true } }, required: ['a'], propertyOrdering: ['a'] }
const TOOLS = { tools: [{ functionDeclarations: [{ name: 'f', parameters: SCHEMA }] }] }

const user = (...parts: readonly object[]): Record<string, unknown> => ({ contents: [{ role: 'user', parts }] })
const said = (...parts: readonly object[]): Record<string, unknown> => ({ contents: [{ role: 'user', parts: [{ text: 'x' }] }, { role: 'model', parts }, { role: 'user', parts: [{ text: 'z' }] }] })
const looped = (part: Readonly<Record<string, unknown>>, response: object, parts?: readonly object[]): Record<string, unknown> => ({ ...TOOLS, contents: [
  { role: 'user', parts: [{ text: 'x' }] }, { role: 'model', parts: [{ functionCall: { name: 'f', args: {} }, ...part }] }, { role: 'user', parts: [{ functionResponse: { name: 'f', response, ...(parts === undefined ? {} : { parts }) } }] },
] })
const config = (members: object): Record<string, unknown> => ({ generationConfig: members })

/** One request per field of a request for generated content. */
export const GEMINI_PROBES: readonly { readonly field: string, readonly body: Readonly<Record<string, unknown>> }[] = [
  { field: 'systemInstruction, contents', body: { systemInstruction: { parts: [{ text: 's' }] }, ...said({ text: 'y' }) } },
  { field: 'functionCall, functionResponse', body: looped({}, { a: 1 }) },
  { field: 'functionResponse.response.error', body: looped({}, { error: 'no' }) },
  { field: 'functionResponse.parts (pictures)', body: looped({}, {}, [{ inlineData: { mimeType: 'image/png', data: PNG } }]) },
  { field: 'thoughtSignature on a call', body: looped({ thoughtSignature: 'c2ln' }, {}) },
  { field: 'thought', body: said({ text: 'hm', thought: true }, { text: 'y' }) },
  { field: 'inlineData: image', body: user({ inlineData: { mimeType: 'image/png', data: PNG } }) },
  { field: 'inlineData: document', body: user({ inlineData: { mimeType: 'application/pdf', data: PDF } }) },
  { field: 'inlineData: audio', body: user({ inlineData: { mimeType: 'audio/wav', data: 'AAAA' } }) },
  { field: 'inlineData: video', body: user({ inlineData: { mimeType: 'video/mp4', data: 'AAAA' } }, { text: 'x' }) },
  { field: 'fileData: image (URL)', body: user({ fileData: { mimeType: 'image/png', fileUri: 'https://x.test/a.png' } }) },
  { field: 'fileData: document (URL)', body: user({ fileData: { mimeType: 'application/pdf', fileUri: 'https://x.test/a.pdf' } }) },
  { field: 'fileData: of Google\'s own store', body: user({ fileData: { mimeType: 'image/png', fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/f' } }) },
  { field: 'executableCode and other parts', body: said({ executableCode: { language: 'PYTHON', code: '1' } }, { text: 'y' }) },
  { field: 'parts: anything else (videoMetadata)', body: user({ text: 'x', videoMetadata: { fps: 1 } }) },
  { field: 'tools: functionDeclarations (parameters)', body: TOOLS },
  { field: 'tools: functionDeclarations (parametersJsonSchema)', body: { tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: { type: 'object' } }] }] } },
  { field: 'functionDeclarations[].response, behavior', body: { tools: [{ functionDeclarations: [{ name: 'f', response: SCHEMA, behavior: 'BLOCKING' }] }] } },
  { field: 'tools that Google runs', body: { tools: [{ googleSearch: {} }] } },
  { field: 'functionCallingConfig: AUTO, ANY, NONE', body: { ...TOOLS, toolConfig: { functionCallingConfig: { mode: 'ANY' } } } },
  { field: 'functionCallingConfig: ANY with one name', body: { ...TOOLS, toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } } } },
  { field: 'functionCallingConfig: several names', body: { ...TOOLS, toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f', 'g'] } } } },
  { field: 'functionCallingConfig: VALIDATED', body: { ...TOOLS, toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } } } },
  { field: 'responseSchema', body: config({ responseMimeType: 'application/json', responseSchema: { ...SCHEMA, additionalProperties: false } }) },
  { field: 'responseJsonSchema (open objects)', body: config({ responseMimeType: 'application/json', responseJsonSchema: { type: 'object', properties: { a: { type: 'string' } } } }) },
  { field: 'responseMimeType: application/json', body: config({ responseMimeType: 'application/json' }) },
  { field: 'responseMimeType: text/x.enum', body: config({ responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['a'] } }) },
  { field: 'maxOutputTokens', body: config({ maxOutputTokens: 50 }) }, { field: 'temperature up to 1', body: config({ temperature: 0.5 }) }, { field: 'temperature above 1', body: config({ temperature: 1.5 }) },
  { field: 'topP', body: config({ topP: 0.5 }) }, { field: 'topK', body: config({ topK: 5 }) }, { field: 'stopSequences', body: config({ stopSequences: ['END'] }) },
  { field: 'stopSequences (five)', body: config({ stopSequences: ['A', 'B', 'C', 'D', 'E'] }) },
  { field: 'candidateCount', body: config({ candidateCount: 2 }) }, { field: 'seed', body: config({ seed: 1 }) },
  { field: 'presencePenalty, frequencyPenalty', body: config({ presencePenalty: 0.5, frequencyPenalty: 0.5 }) },
  { field: 'thinkingConfig.thinkingBudget', body: config({ thinkingConfig: { thinkingBudget: 2_000 } }) }, { field: 'thinkingConfig.thinkingBudget (0)', body: config({ thinkingConfig: { thinkingBudget: 0 } }) },
  { field: 'thinkingConfig.thinkingLevel', body: config({ thinkingConfig: { thinkingLevel: 'LOW' } }) }, { field: 'thinkingConfig.includeThoughts', body: config({ thinkingConfig: { includeThoughts: true, thinkingLevel: 'LOW' } }) },
  ...Object.entries({ responseLogprobs: true, responseModalities: ['TEXT', 'IMAGE'], speechConfig: { languageCode: 'en' }, mediaResolution: 'MEDIA_RESOLUTION_LOW' })
    .map(([name, value]) => ({ field: name, body: config({ [name]: value }) })),
  { field: 'safetySettings', body: { safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }] } },
  { field: 'cachedContent', body: { cachedContent: 'cachedContents/c' } }, { field: 'labels', body: { labels: { a: 'b' } } }, { field: 'serviceTier', body: { serviceTier: 'flex' } },
  { field: 'anything unknown', body: { anythingUnknown: 1 } },
]
