import type { KnownProvider } from '@headrace/contract'

/** https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope */
export const alibaba = Object.freeze({
  id: 'alibaba',
  dialect: 'openai-chat',
  baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  env: Object.freeze(['DASHSCOPE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
