"""Who may come in: API tokens, the people of this site, and logins, for operators."""

from typing import TYPE_CHECKING, Any

from axes.admin import AccessAttemptAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from scheduler_project import admin_beat
from scheduler_project.admin_base import ModelAdmin, Page, ReadOnly, utc
from scheduler_project.models import ApiToken, token_digest

__all__ = ["admin_beat"]

if TYPE_CHECKING:
    UsersBase = UserAdmin[User]
else:
    UsersBase = UserAdmin

admin.site.index_title = "Scheduled calls"
admin.site.index_template = "operators/index.html"
for theirs in (User, Group, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(theirs):
        admin.site.unregister(theirs)


@admin.register(ApiToken)
class ApiTokenAdmin(Page):
    """Tokens are made and revoked, never changed; the token itself is told once."""

    list_display = ("__str__", "user", "created")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    search_help_text = "a part of the token's name or its user's"
    autocomplete_fields = ("user",)
    ordering = ("-pk",)

    @admin.display(description="created")
    def created(self, token: ApiToken) -> str:
        """When it was made."""
        return utc(token.created_at)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        """A token that exists also shows when it was made; its digest is shown to nobody."""
        return ("user", "name") if obj is None else ("user", "name", "created")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        """Nothing of an existing token can be edited."""
        return () if obj is None else ("user", "name", "created")

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Nobody: a new token is made and the old one revoked."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Issues the token and tells it, the only time it can be seen."""
        token = ApiToken.issue(obj.user, obj.name)
        obj.pk = ApiToken.objects.only("pk").get(digest=token_digest(token)).pk
        messages.warning(request, f"Copy this token now; it is not shown again: {token}")


@admin.register(User)
class UsersAdmin(UsersBase, ModelAdmin):
    """People and the service users that own calls."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupsAdmin(GroupAdmin, ModelAdmin):
    """Groups of permissions."""


@admin.register(AccessAttempt)
class FailedLogins(AccessAttemptAdmin, ModelAdmin):  # type: ignore[misc]  # axes has no types
    """Failed logins; deleting one lets that person try again."""


@admin.register(AccessLog)
class Logins(ReadOnly, AccessLogAdmin, ModelAdmin):  # type: ignore[misc]  # axes has no types
    """Who logged in when."""
