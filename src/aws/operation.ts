/** Condition keys that an operation adds to those every decision has. */
export type OperationContext = Readonly<Record<string, string | readonly string[]>>

/** What the gate must know of an operation before its handler runs. */
interface Authorised<Ctx, In> {
  /** The ARNs that the action is decided on, all of which must be allowed; `*` where AWS has no resource for it. */
  readonly resource: (ctx: Ctx, input: In) => string | readonly string[] | Promise<string | readonly string[]>
  readonly context?: (ctx: Ctx, input: In) => OperationContext | Promise<OperationContext>
  /** The IAM action where it is not `PREFIX:OPERATION`. */
  readonly action?: string
  /** The handler decides itself, since more than the caller's policies bear on it (sts:AssumeRole asks the trust policy). */
  readonly decidedByHandler?: true
  /** It may hold the thread for a large part of a second: of an account hardly any are worked on at a time. */
  readonly isCostly?: true
}

export interface Operation<Ctx, In, Out> extends Authorised<Ctx, In> {
  readonly handler: (ctx: Ctx, input: In) => Promise<Out>
}

/** Modelled by AWS and not built here: authorised, then answered with a modelled 400 that no client retries. */
export interface UnbuiltOperation<Ctx, In> extends Authorised<Ctx, In> {
  readonly unbuilt: true
  /** Completes "is not available on this server: …"; where it is absent nobody has built it yet. */
  readonly because?: string
}

/**
 * Anybody may call it: it is neither signed nor authorised, and there is no principal. What the request carries is the proof (a
 * password, a token of an identity provider), and the handler decides and records alone.
 */
export type UnsignedOperation<Ctx, In, Out> = { readonly unsigned: true } & (
  | { readonly handler: (ctx: Ctx, input: In) => Promise<Out> }
  | { readonly unbuilt: true }
)

type ApiShape = Readonly<Record<string, { readonly input: unknown; readonly output: unknown }>>

/**
 * A service: an entry for each operation of its model, or it does not compile. Those in `Unsigned`, and only those, get
 * `UnsignedCtx`.
 */
export type Service<Api, Ctx, UnsignedCtx = never, Unsigned extends keyof Api = never> = {
  readonly [K in keyof Api]: Api[K] extends ApiShape[string]
    ? K extends Unsigned
      ? UnsignedOperation<UnsignedCtx, Api[K]['input'], Api[K]['output']>
      : Operation<Ctx, Api[K]['input'], Api[K]['output']> | UnbuiltOperation<Ctx, Api[K]['input']>
    : never
}
