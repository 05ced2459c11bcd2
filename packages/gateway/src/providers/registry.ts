// Made by `npm run providers` from the files beside it.
import type { ProviderProfile } from '@headrace/contract'
import { ai21 } from './ai21.ts'
import { aihubmix } from './aihubmix.ts'
import { alibabaCn } from './alibaba-cn.ts'
import { alibaba } from './alibaba.ts'
import { anthropic } from './anthropic.ts'
import { azureOpenai } from './azure-openai.ts'
import { baichuan } from './baichuan.ts'
import { baseten } from './baseten.ts'
import { byteplus } from './byteplus.ts'
import { cerebras } from './cerebras.ts'
import { chutes } from './chutes.ts'
import { cloudflare } from './cloudflare.ts'
import { cohere } from './cohere.ts'
import { cortecs } from './cortecs.ts'
import { crusoe } from './crusoe.ts'
import { databricks } from './databricks.ts'
import { deepinfra } from './deepinfra.ts'
import { deepseek } from './deepseek.ts'
import { digitalocean } from './digitalocean.ts'
import { dockerModelRunner } from './docker-model-runner.ts'
import { featherless } from './featherless.ts'
import { fireworks } from './fireworks.ts'
import { friendli } from './friendli.ts'
import { geminiOpenAi } from './gemini-openai.ts'
import { gemini } from './gemini.ts'
import { githubModels } from './github-models.ts'
import { gmi } from './gmi.ts'
import { googleVertexAnthropic } from './google-vertex-anthropic.ts'
import { googleVertexOpenai } from './google-vertex-openai.ts'
import { googleVertex } from './google-vertex.ts'
import { groq } from './groq.ts'
import { helicone } from './helicone.ts'
import { heroku } from './heroku.ts'
import { huggingface } from './huggingface.ts'
import { hunyuan } from './hunyuan.ts'
import { hyperbolic } from './hyperbolic.ts'
import { inception } from './inception.ts'
import { inferenceNet } from './inference-net.ts'
import { ioNet } from './io-net.ts'
import { ionos } from './ionos.ts'
import { jan } from './jan.ts'
import { koboldcpp } from './koboldcpp.ts'
import { llamacpp } from './llamacpp.ts'
import { lmdeploy } from './lmdeploy.ts'
import { lmstudio } from './lmstudio.ts'
import { longcat } from './longcat.ts'
import { metaLlama } from './meta-llama.ts'
import { minimaxCn } from './minimax-cn.ts'
import { minimax } from './minimax.ts'
import { mistral } from './mistral.ts'
import { modelscope } from './modelscope.ts'
import { moonshotaiCn } from './moonshotai-cn.ts'
import { moonshotai } from './moonshotai.ts'
import { morph } from './morph.ts'
import { nanogpt } from './nanogpt.ts'
import { nebius } from './nebius.ts'
import { novita } from './novita.ts'
import { nscale } from './nscale.ts'
import { nvidia } from './nvidia.ts'
import { ollamaNative } from './ollama-native.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { opencode } from './opencode.ts'
import { openrouter } from './openrouter.ts'
import { ovhcloud } from './ovhcloud.ts'
import { parasail } from './parasail.ts'
import { perplexity } from './perplexity.ts'
import { poe } from './poe.ts'
import { qianfan } from './qianfan.ts'
import { reka } from './reka.ts'
import { requesty } from './requesty.ts'
import { sambanova } from './sambanova.ts'
import { sandbox } from './sandbox.ts'
import { sarvam } from './sarvam.ts'
import { scaleway } from './scaleway.ts'
import { sglang } from './sglang.ts'
import { siliconflowCn } from './siliconflow-cn.ts'
import { siliconflow } from './siliconflow.ts'
import { snowflake } from './snowflake.ts'
import { stackit } from './stackit.ts'
import { stepfun } from './stepfun.ts'
import { synthetic } from './synthetic.ts'
import { tgi } from './tgi.ts'
import { together } from './together.ts'
import { upstage } from './upstage.ts'
import { venice } from './venice.ts'
import { vercelAiGateway } from './vercel-ai-gateway.ts'
import { vllm } from './vllm.ts'
import { volcengine } from './volcengine.ts'
import { vultr } from './vultr.ts'
import { wandb } from './wandb.ts'
import { xai } from './xai.ts'
import { xiaomi } from './xiaomi.ts'
import { xinference } from './xinference.ts'
import { zai } from './zai.ts'
import { zhipuai } from './zhipuai.ts'

/** Every provider that needs no `base_url`: one file each. Passed to `loadConfig` as `known`. */
export const KNOWN_PROVIDERS: readonly ProviderProfile[] = Object.freeze([
  ai21,
  aihubmix,
  alibabaCn,
  alibaba,
  anthropic,
  azureOpenai,
  baichuan,
  baseten,
  byteplus,
  cerebras,
  chutes,
  cloudflare,
  cohere,
  cortecs,
  crusoe,
  databricks,
  deepinfra,
  deepseek,
  digitalocean,
  dockerModelRunner,
  featherless,
  fireworks,
  friendli,
  geminiOpenAi,
  gemini,
  githubModels,
  gmi,
  googleVertexAnthropic,
  googleVertexOpenai,
  googleVertex,
  groq,
  helicone,
  heroku,
  huggingface,
  hunyuan,
  hyperbolic,
  inception,
  inferenceNet,
  ioNet,
  ionos,
  jan,
  koboldcpp,
  llamacpp,
  lmdeploy,
  lmstudio,
  longcat,
  metaLlama,
  minimaxCn,
  minimax,
  mistral,
  modelscope,
  moonshotaiCn,
  moonshotai,
  morph,
  nanogpt,
  nebius,
  novita,
  nscale,
  nvidia,
  ollamaNative,
  ollama,
  openai,
  opencode,
  openrouter,
  ovhcloud,
  parasail,
  perplexity,
  poe,
  qianfan,
  reka,
  requesty,
  sambanova,
  sarvam,
  scaleway,
  sglang,
  siliconflowCn,
  siliconflow,
  snowflake,
  stackit,
  stepfun,
  synthetic,
  tgi,
  together,
  upstage,
  venice,
  vercelAiGateway,
  vllm,
  volcengine,
  vultr,
  wandb,
  xai,
  xiaomi,
  xinference,
  zai,
  zhipuai,
  sandbox,
])
