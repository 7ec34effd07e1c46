/** The part of linkedom that is used here; its own types would bring a browser's globals into the whole program. */

export interface Element {
  readonly outerHTML: string;
  readonly textContent: string | null;
  readonly localName: string;
  readonly parentElement: Element | null;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): ArrayLike<Element>;
  append(...children: Element[]): void;
  remove(): void;
}

export interface Document {
  readonly body: Element;
  createElement(name: string): Element;
}

export interface Window {
  readonly document: Document;
  readonly Element: { readonly prototype: object };
  readonly HTMLElement: unknown;
  readonly SVGElement: unknown;
  readonly Node: unknown;
  readonly DOMParser: unknown;
}

export function parseHTML(html: string): Window;
