/** Milliseconds with as many digits as a person checks. */
export function ms(value: number): string {
  return `${round(value)} ms`;
}

/** Requests per second. */
export function rps(value: number): string {
  return `${round(value)} rps`;
}

/** A share from 0 to 1 in per cent. */
export function percent(share: number): string {
  return `${round(share * 100)} %`;
}

/** A price of one request: mostly far below a cent, so per million. */
export function dollars(perRequest: number): string {
  return `$${round(perRequest * 1e6)} per million`;
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
