/** What is in a `List`. */
interface Linked<N> {
  next: N | undefined
  previous: N | undefined
}

/** A doubly linked list through its elements: whatever is in it leaves it in no time. */
export class List<N extends Linked<N>> {
  head: N | undefined = undefined
  #tail: N | undefined = undefined

  push(node: N): void {
    node.previous = this.#tail
    if (this.#tail === undefined) this.head = node
    else this.#tail.next = node
    this.#tail = node
  }

  remove(node: N): void {
    if (node.previous === undefined) this.head = node.next
    else node.previous.next = node.next
    if (node.next === undefined) this.#tail = node.previous
    else node.next.previous = node.previous
    node.next = undefined
    node.previous = undefined
  }
}
