package talk

import (
	"context"
	"fmt"
	"io"
	"strings"

	"charm.land/bubbles/v2/textinput"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/terminal"
)

// minWidth is the narrowest terminal that is drawn for.
const minWidth = 10

// Screen talks on a terminal that it takes over until the user leaves, or ctx or the session ends. While
// there is no connection it says so.
func Screen(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	s := newScreen(ctx, o)
	o.Session.OpenChannel(o.Server, o.Channel)
	if err := s.connect(ctx); err != nil {
		return err
	}
	_, err := tea.NewProgram(s, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out)).Run()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	return nil
}

// screen is the model of the terminal program. Its methods run in one goroutine.
type screen struct {
	*room
	ctx    context.Context // of the whole program: Bubble Tea passes none to a model
	body   viewport.Model
	input  textinput.Model
	width  int
	height int
	note   string
	busy   int // actions under way
	away   bool
}

// Messages of the program.
type (
	happened struct{ unsend.Event }
	over     struct{} // the session has ended
)

func newScreen(ctx context.Context, o Options) *screen {
	input := textinput.New()
	input.Prompt = "> "
	input.Placeholder = "a message, or /help"
	input.Focus()
	return &screen{room: newRoom(o), ctx: ctx, body: viewport.New(), input: input, width: 80, height: 24}
}

// Init reads the newest messages and begins to listen.
func (s *screen) Init() tea.Cmd {
	return tea.Batch(textinput.Blink, s.listen(), s.run(s.open()))
}

// listen waits for one event; Update asks for the next.
func (s *screen) listen() tea.Cmd {
	events := s.Session.Events()
	return func() tea.Msg {
		e, ok := <-events
		if !ok {
			return over{}
		}
		return happened{e}
	}
}

// run does an action apart from the screen.
func (s *screen) run(a action) tea.Cmd {
	s.busy++
	ctx := s.ctx
	return func() tea.Msg { return a(ctx) }
}

// Update takes one event.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.resize(msg.Width, msg.Height)
		return s, nil
	case happened:
		s.hear(msg.Event)
		return s, s.listen()
	case over:
		return s, tea.Quit
	case outcome:
		s.take(msg)
		return s, nil
	case tea.KeyPressMsg:
		return s.key(msg)
	}
	var command tea.Cmd
	s.input, command = s.input.Update(msg)
	return s, command
}

func (s *screen) hear(e unsend.Event) {
	switch e := e.(type) {
	case unsend.StateChanged:
		s.away = e.State != unsend.StateOpen
	case unsend.Failed:
		s.setNote(heard(e))
	}
	s.refresh()
}

func (s *screen) key(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch msg.String() {
	case "ctrl+c", "ctrl+d", "esc":
		return s, tea.Quit
	case "enter":
		return s.enter()
	case "pgup", "pgdown", "up", "down":
		var command tea.Cmd
		s.body, command = s.body.Update(msg)
		return s, command
	}
	var command tea.Cmd
	s.input, command = s.input.Update(msg)
	return s, command
}

func (s *screen) enter() (tea.Model, tea.Cmd) {
	c := s.understand(s.input.Value())
	s.input.Reset()
	s.setNote(c.note)
	switch {
	case c.quit:
		return s, tea.Quit
	case c.action != nil:
		return s, s.run(c.action)
	}
	return s, nil
}

func (s *screen) take(o outcome) {
	s.busy--
	s.settle(o)
	atEnd := o.message != nil
	if o.page != nil {
		atEnd = s.older == "" && !s.atStart // the first page
		s.turned(*o.page)
	}
	s.setNote(o.note)
	s.refresh()
	if atEnd {
		s.body.GotoBottom()
	}
}

func (s *screen) setNote(note string) {
	s.note = note
	s.resize(s.width, s.height)
}

// noteLines is the note as it is shown.
func (s *screen) noteLines() []string {
	if s.note == "" {
		return nil
	}
	return strings.Split(lipgloss.Wrap(s.note, s.width, ""), "\n")
}

// chrome is how many lines are not the conversation's.
func (s *screen) chrome() int { return 2 + len(s.noteLines()) }

func (s *screen) resize(width, height int) {
	s.width, s.height = max(width, minWidth), height
	s.input.SetWidth(s.width - len(s.input.Prompt) - 1)
	s.body.SetWidth(s.width)
	s.body.SetHeight(max(height-s.chrome(), 1))
	s.refresh()
}

// refresh writes the conversation anew: this is what changes a revoked line in place. Who reads further
// up is left there.
func (s *screen) refresh() {
	atBottom := s.body.AtBottom()
	var text strings.Builder
	s.news()
	for i, m := range s.messages() {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(s.line(m, s.width))
	}
	s.body.SetContent(text.String())
	if atBottom {
		s.body.GotoBottom()
	}
}

// View draws the screen.
func (s *screen) View() tea.View {
	lines := []string{s.title(), s.body.View()}
	for _, line := range s.noteLines() {
		lines = append(lines, s.paint(terminal.Red, line))
	}
	view := tea.NewView(strings.Join(append(lines, s.input.View()), "\n"))
	view.AltScreen = true
	return view
}

func (s *screen) title() string {
	state := "connected"
	switch {
	case s.away:
		state = "CONNECTING AGAIN"
	case s.busy > 0:
		state = "…"
	}
	title := fmt.Sprintf("%s  #%s  as %s  /help", state, terminal.Clean(s.Channel), terminal.Clean(s.Account))
	return s.paint(terminal.Dim, lipgloss.NewStyle().MaxWidth(s.width).Render(title))
}
