/** What a tab and the worker that holds the session say to each other. The secret key never leaves the worker. */

/** Who is signed in, as tabs may know it. The token alone signs nothing. */
export interface SessionView {
  readonly accessKeyId: string
  readonly sessionToken: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly arn: string
  readonly accountId: string
  readonly region: string
  /** The ARN of whoever signed in, where a role was switched to. */
  readonly switchedFrom?: string | undefined
}

export interface KeySignIn {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly mfaCode?: string | undefined
}

export interface PasswordSignIn {
  readonly account: string
  readonly userName: string
  readonly password: string
  readonly mfaCode?: string | undefined
  readonly newPassword?: string | undefined
}

export interface OidcSignIn {
  readonly state: string
  readonly code: string
  readonly codeVerifier: string
}

/** A string to sign (AWS Signature Version 4), with the scope that its key is derived for. */
export interface ToSign {
  readonly stringToSign: string
  /** YYYYMMDD. */
  readonly date: string
  readonly region: string
  readonly service: string
}

export interface WorkerCalls {
  signInWithKey: { input: KeySignIn & { readonly region: string }; output: SessionView }
  signInWithPassword: { input: PasswordSignIn & { readonly region: string }; output: SessionView }
  signInWithOidc: { input: OidcSignIn & { readonly region: string }; output: SessionView }
  switchRole: { input: { readonly roleArn: string; readonly sessionName: string }; output: SessionView }
  switchBack: { input: undefined; output: SessionView }
  setRegion: { input: { readonly region: string }; output: SessionView }
  /** The server no longer takes this key: whoever has it is not signed in any more. */
  endSession: { input: { readonly accessKeyId: string }; output: SessionView | undefined }
  signOut: { input: undefined; output: undefined }
  sign: { input: ToSign; output: string }
}

export type WorkerCallName = keyof WorkerCalls

export interface WorkerRequest {
  readonly id: number
  readonly name: WorkerCallName
  readonly input: unknown
}

/** Of an error its AWS code and sentence, for errors do not travel between threads whole. */
export interface WorkerFailure {
  readonly code: string
  readonly message: string
}

export type WorkerMessage =
  | { readonly kind: 'session'; readonly session: SessionView | undefined; readonly hasEnded: boolean }
  | { readonly kind: 'answer'; readonly id: number; readonly output: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: WorkerFailure }
