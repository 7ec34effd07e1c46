/**
 * Dynamic loss scaling (Micikevicius et al. 2018): gradients too small for float16 are computed from a scaled loss.
 *
 * @module
 */

/** What a checkpoint keeps of the scaler, as JSON. */
export interface LossScalerState {
  scale: number;
  /** Updates since the scale last changed. */
  goodSteps: number;
}

/** How the scale moves: the original's numbers. */
const GROWTH = { factor: 2, every: 2000 }, BACKOFF = 0.5;

/**
 * The factor on the loss: halved by a step whose gradients overflow, which is skipped, doubled after 2,000 that do not.
 *
 * @example
 * ```ts
 * import { LossScaler } from "./loss_scale.ts";
 * const scaler = new LossScaler({ scale: 1024, goodSteps: 0 });
 * scaler.update(false);
 * console.log(scaler.scale); // 512
 * ```
 *
 * Source: `paddle.amp.GradScaler` as the original sets it up.
 */
export class LossScaler {
  #state: LossScalerState;

  /** @param state A first scale, or what {@linkcode LossScaler.state} gave. */
  constructor(state: LossScalerState) {
    this.#state = { ...state };
  }

  /** The factor for the next step. */
  get scale(): number {
    return this.#state.scale;
  }

  /**
   * Learns how a step went.
   *
   * @param finite Whether its gradients were.
   */
  update(finite: boolean) {
    const { scale, goodSteps } = this.#state;
    if (!finite) this.#state = { scale: Math.max(1, scale * BACKOFF), goodSteps: 0 };
    else if (goodSteps + 1 < GROWTH.every) this.#state = { scale, goodSteps: goodSteps + 1 };
    else this.#state = { scale: Math.min(2 ** 127, scale * GROWTH.factor), goodSteps: 0 };
  }

  /** For a checkpoint. */
  state(): LossScalerState {
    return { ...this.#state };
  }
}
