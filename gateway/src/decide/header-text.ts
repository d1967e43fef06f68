/** Longest value of a header of ours that repeats a name from outside. */
const maxChars = 256;
const plain = /^[!-~](?:[ -~]{0,254}[!-~])?$/;

/**
 * A name of the client's or provider's choosing as a header value: Node refuses to send any other character, and a
 * refused head would leave the client without an answer. What is not printable ASCII is percent-encoded, a long one cut.
 */
export const headerText = (text: string): string =>
  plain.test(text)
    ? text
    : text
        .toWellFormed()
        .slice(0, maxChars)
        .toWellFormed()
        .replaceAll(/[^!-~]/gu, (char) => encodeURIComponent(char));
