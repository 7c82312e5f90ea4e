declare const brand: unique symbol;

/**
 * A value that only its parser may make, so that two strings or two numbers of different meaning cannot be swapped.
 * The mark exists only for the type checker.
 */
export type Branded<Value, Mark extends string> = Value & { readonly [brand]: Mark };
